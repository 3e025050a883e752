"""Laws of training runs from configs to what the kernels take."""

from perfmodel.config.schema.scaling import Scaling
from perfmodel_kernels.training_run import BatchLaw, LossLaw


def lower_laws(scaling: Scaling) -> tuple[LossLaw, BatchLaw]:
    """Laws of the loss and of the critical batch.

    Parameters
    ----------
    scaling
        Constants.

    Returns
    -------
    tuple[LossLaw, BatchLaw]
        Numbers.
    """
    batch = scaling.critical_batch
    return LossLaw(**scaling.loss.model_dump()), BatchLaw(
        batch.median, batch.tokens, batch.exponent, batch.factor
    )

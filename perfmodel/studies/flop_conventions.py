"""The FLOP rate of a job as different publications would count it."""

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import compiled_once
from perfmodel.lowering.flop_conventions import CONVENTIONS
from perfmodel.lowering.model import lower_model
from perfmodel.studies.best_layout import Row
from perfmodel_kernels.parameters import Convention, convention_flop_per_token


def counted(scenario: Scenario, row: Row) -> list[Row]:
    """FLOP of a token, FLOP/s of a chip and its share of the peak, by convention.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        What it does, with its layout.

    Returns
    -------
    list[Row]
        One row per convention; their peak is that of the columns `mfu` and `hfu`.
    """
    model, length = (
        lower_model(scenario.model, scenario.workload),
        scenario.workload.sequence_length,
    )
    count = compiled_once(convention_flop_per_token)
    peak = row["model_flop_rate_flop_per_s"] / row["mfu"]
    rows = []
    for name, convention in CONVENTIONS.items():
        flop = float(count(model, float(length), Convention(*convention)))
        rate = flop * row["tokens_per_s_per_chip"]
        figures = {"flop_per_token": flop, "flop_per_s": rate, "share_of_peak": rate / peak}
        rows.append({"convention": name} | figures)
    return rows

"""What a worker of a cluster runs: one chunk of a sweep."""

from perfmodel.engine.devices import open_devices
from perfmodel.studies.sweep import chunk_bytes
from perfmodel.studies.sweep_plan import SweepQuestion


def on_worker(question: SweepQuestion, device: str, number: int) -> tuple[int, bytes]:
    """Computes a chunk on the devices of the worker.

    Parameters
    ----------
    question
        The sweep.
    device
        Kind of device.
    number
        Which chunk.

    Returns
    -------
    tuple[int, bytes]
        The number and the file.
    """
    open_devices(device)  # type: ignore[arg-type]
    return number, chunk_bytes(question, number)

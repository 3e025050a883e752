"""One file of a sweep: 65,536 scenarios with a named layout, lowered, evaluated and encoded."""

from collections.abc import Callable

from perfmodel.studies.sweep import chunk_bytes
from perfmodel.studies.sweep_plan import SweepQuestion

QUESTION = SweepQuestion(
    "gigafactory",
    "llama3-405b",
    (
        "site.chips=98304",
        "layout.tp=8",
        "layout.pp=16",
        "node.nic_bandwidth=geomspace(100 Gb/s, 1.6 Tb/s, 256)",
        "chip.memory.bandwidth=geomspace(2 TB/s, 10 TB/s, 256)",
    ),
)


def test_sweep_a_file_of_named_layouts(ratio_of: Callable[..., float]) -> None:
    ratio_of(lambda: len(chunk_bytes(QUESTION, 0)), "sweep_65k_points", rounds=5)

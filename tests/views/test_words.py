"""Values of runs in words."""

import numpy as np
import pytest

from perfmodel.results.columns import COLUMNS, Column
from perfmodel.views.words import named_value, nearly_whole, point_value

BANDWIDTH = Column("fabric.nic_bandwidth", "B/s", "bandwidth")
COUNT = Column("site.chips", "", "chips")


def test_a_geometric_axis_has_whole_numbers() -> None:
    for size, value in zip(2 ** np.arange(19), np.geomspace(1, 2**18, 19), strict=True):
        assert point_value(COUNT, value) == f"{size:,}"
    assert nearly_whole(2.5) == 2.5
    assert nearly_whole(1e300) == 1e300
    assert nearly_whole(0.0) == 0.0


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (BANDWIDTH, np.float64(5e10), "50.0 GB/s"),
        (COLUMNS["mfu"], np.float32(0.412), "41.2 %"),
        (COLUMNS["site_power"], 1.43e8, "143 MW"),
        (COLUMNS["bottleneck"], "data parallel", "data parallel"),
        (COLUMNS["feasible"], np.bool_(True), "yes"),
        (COLUMNS["mfu"], np.float32("nan"), "–"),
    ],
)
def test_a_value_has_its_unit(column: Column, value: object, said: str) -> None:
    assert point_value(column, value) == said


def test_a_rate_has_its_label_as_unit() -> None:
    assert named_value(COLUMNS["tokens_per_s"], 1.69e8) == "169 M tokens/s"
    assert named_value(COLUMNS["mfu"], 0.41) == "MFU 41.0 %"

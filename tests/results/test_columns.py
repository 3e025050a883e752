"""The table of quantities and what the kernels return are the same list."""

from collections.abc import Iterator

import pytest

from perfmodel.results.columns import COLUMNS, NETWORK, SITE, STEP, SUFFIX
from perfmodel_kernels.memory import MemorySplit
from perfmodel_kernels.site import PowerSplit, SiteMetrics
from perfmodel_kernels.step import StepMetrics, TimeSplit

SPLITS = {"time_split": TimeSplit, "memory_split": MemorySplit, "power_split": PowerSplit}


def paths(metrics: type) -> Iterator[str]:
    for field in metrics._fields:
        if field in SPLITS:
            yield from (f"{field}.{part}" for part in SPLITS[field]._fields)
        else:
            yield field


@pytest.mark.parametrize(("metrics", "table"), [(StepMetrics, STEP), (SiteMetrics, SITE)])
def test_every_field_of_the_metrics_has_a_column_and_none_is_left_over(metrics, table):
    assert [column.name for column in table] == list(paths(metrics))


def test_no_quantity_is_named_twice():
    assert len(COLUMNS) == len(STEP) + len(SITE)


def test_a_collective_has_columns_of_its_own():
    assert not {column.key for column in NETWORK.values()} & {c.key for c in COLUMNS.values()}


@pytest.mark.parametrize("column", [*COLUMNS.values(), *NETWORK.values()], ids=lambda c: c.name)
def test_a_key_ends_in_its_unit_once(column):
    suffix = f"_{SUFFIX[column.unit]}" if column.unit else ""
    assert column.key.endswith(suffix)
    assert not column.key.endswith(suffix * 2) or not suffix
    assert column.label


def test_keys_that_others_rely_on():
    keys = {column.key for column in COLUMNS.values()}
    assert {"step_time_s", "tokens_per_s", "tokens_per_s_per_chip", "mfu"} <= keys
    assert {"site_power_w", "energy_per_token_j", "time_split_matrix_s", "memory_bytes"} <= keys

"""Storing and reading back the result of a sweep: 100,000 points of every output quantity."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from perfmodel.results import parquet
from perfmodel.results.columns import COLUMNS, NETWORK, POWER
from perfmodel.results.provenance import Provenance, installed_versions

POINTS = 100_000


@pytest.fixture(scope="module")
def rows() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    keys = [column.key for column in (*COLUMNS.values(), *NETWORK.values(), *POWER)]
    return {key: generator.random(POINTS, dtype=np.float32) for key in keys}


@pytest.fixture(scope="module")
def provenance() -> Provenance:
    return Provenance("perfmodel sweep", "cpu", {}, installed_versions())


def test_store_a_sweep(
    ratio_of: Callable[..., float],
    rows: dict[str, np.ndarray],
    provenance: Provenance,
    tmp_path: Path,
) -> None:
    path = tmp_path / "sweep.parquet"
    ratio_of(lambda: parquet.write(path, rows, provenance), "parquet_write", rounds=5)
    assert path.stat().st_size > POINTS


def test_read_a_sweep(
    ratio_of: Callable[..., float],
    rows: dict[str, np.ndarray],
    provenance: Provenance,
    tmp_path: Path,
) -> None:
    path = tmp_path / "sweep.parquet"
    parquet.write(path, rows, provenance)
    ratio_of(lambda: parquet.read(path).rows, "parquet_read", rounds=10)

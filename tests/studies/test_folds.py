"""Groups in which rows are left out of a fit."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.folds import FAMILIES, LARGE, MODELS, SCALES, folds
from perfmodel.studies.run_predictions import LoweredRows, lowered_rows


@pytest.fixture(scope="module")
def rows() -> LoweredRows:
    names = ("megatron_papers", "nvidia_dgxc_benchmarking")
    return lowered_rows([shipped_measurements(f"runs/{name}.csv") for name in names], Library())


def test_all_runs_of_a_model_are_left_out_together(rows):
    groups = folds(rows)[MODELS]
    models = np.array([run.row.model_id or run.row.model for run in rows.runs])
    assert all(len(set(groups[models == model])) == 1 for model in set(models))
    assert 1 < len(set(groups)) <= 10


def test_only_the_largest_runs_are_left_out_by_scale(rows):
    groups = folds(rows)[SCALES]
    chips = np.array([run.row.chips for run in rows.runs])
    np.testing.assert_array_equal(groups != "", chips > LARGE)


def test_a_family_is_its_file(rows):
    assert set(folds(rows)[FAMILIES]) == {"megatron_papers", "nvidia_dgxc_benchmarking"}

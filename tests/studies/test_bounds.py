"""Bounds on layouts and results of a search."""

import jax
import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.engine.run import evaluation_structure
from perfmodel.spaces.layouts import FIELDS
from perfmodel.studies.bounds import KEYS, parse_bounds


def test_columns_are_those_of_an_evaluation_in_their_order() -> None:
    tree = jax.tree.unflatten(evaluation_structure(), range(evaluation_structure().num_leaves))
    assert len(KEYS) == len(FIELDS) + evaluation_structure().num_leaves
    assert KEYS.index("step_time_s") == len(FIELDS) + tree.step.step_time
    assert KEYS.index("mfu") == len(FIELDS) + tree.step.mfu
    assert KEYS.index("energy_per_token_j") == len(FIELDS) + tree.site.energy_per_token
    assert KEYS.index("power_split_fans_w") == len(FIELDS) + tree.site.power_split.fans


def test_conditions_on_fields_choose_among_what_is_there() -> None:
    bounds = parse_bounds(["pp<=8", "tp>2"])
    grid = {"pp": np.array([4.0, 8.0, 16.0]), "vpp": np.ones(3)}
    assert bounds.kept(grid).tolist() == [True, True, False]
    assert bounds.kept({"tp": np.array([2.0, 4.0])}).tolist() == [False, True]
    assert bounds.kept({"vpp": np.ones(2)}).tolist() == [True, True]


def test_conditions_on_results_become_a_range() -> None:
    low, high = parse_bounds(["mfu>=0.4", "mfu<0.5", "memory_fraction<=0.9"]).columns()
    place = KEYS.index("mfu")
    assert low[place] == np.float32(0.4)
    assert high[place] < np.float32(0.5)
    assert high[place] == np.nextafter(np.float32(0.5), np.float32(0.0))
    assert high[KEYS.index("memory_fraction")] == np.float32(0.9)
    assert np.isinf(low).sum() == len(KEYS) - 1


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(Faults, match=r"--where.*micro_batch"):
        parse_bounds(["micro_batchs<=2"])

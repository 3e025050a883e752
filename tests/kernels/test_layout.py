"""Degrees and modes of a layout."""

import jax
import numpy as np
import pytest

from perfmodel_kernels.layout import (
    ATTENTION,
    DDP,
    FULL,
    NONE,
    PARTS,
    ZERO1,
    ZERO2,
    ZERO3,
    chips_used,
    elastic_chips,
    model_chips,
)
from tests.kernels.examples import LAYOUT, SINGLE


def test_one_rank_everywhere_is_one_chip():
    assert float(chips_used(SINGLE)) == 1


def test_a_layout_keeps_the_product_of_its_degrees_busy():
    assert float(chips_used(LAYOUT)) == 4 * 2 * 4 * 32


def test_expert_ranks_reuse_the_chips_of_the_others():
    assert chips_used(LAYOUT._replace(ep=16.0)) == chips_used(LAYOUT)


def test_modes_are_ordered_by_what_they_give_up():
    assert np.all(np.diff([DDP, ZERO1, ZERO2, ZERO3]) > 0.9)
    assert np.all(np.diff([NONE, ATTENTION, PARTS, FULL]) > 0.9)


def test_chips_grow_with_each_degree_in_proportion():
    slopes = jax.grad(chips_used)(LAYOUT)
    for degree in ("tp", "cp", "pp", "dp"):
        assert float(getattr(slopes, degree)) == 1024 / getattr(LAYOUT, degree)


@pytest.mark.parametrize(
    ("change", "model", "elastic"),
    [
        ({}, 32, 32),
        ({"ep": 64.0}, 256, 256),
        ({"sharding": ZERO3}, 32, 512),
        ({"sharding": ZERO3, "replicas": 4.0}, 32, 128),
    ],
)
def test_what_stops_together_holds_one_copy_of_the_weights(change, model, elastic):
    laid = SINGLE._replace(tp=8.0, pp=4.0, dp=16.0, sharding=ZERO1, replicas=1.0)
    laid = laid._replace(**change)
    assert float(model_chips(laid)) == model
    assert float(elastic_chips(laid)) == elastic


def test_stages_add_to_a_replica_in_proportion():
    slopes = jax.grad(elastic_chips)(LAYOUT)
    assert float(slopes.pp) * LAYOUT.pp == float(elastic_chips(LAYOUT))

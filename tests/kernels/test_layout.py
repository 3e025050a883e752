"""Degrees and modes of a layout."""

import jax
import numpy as np

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

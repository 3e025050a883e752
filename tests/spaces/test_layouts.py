"""Fields of layouts and the order in which a search goes through them."""

import numpy as np

from perfmodel.lowering.layout import CP_KIND, RECOMPUTE, SCHEDULE, SHARDING
from perfmodel.spaces.layouts import BASE, FIELDS, GROUP, MODE, SHAPE, USUAL, WIDE, Layouts, alone
from perfmodel_kernels.layout import Layout
from tests.kernels.examples import LAYOUT


def test_many_layouts_have_the_fields_of_one() -> None:
    assert Layouts._fields == Layout._fields


def test_every_field_belongs_to_one_part_of_a_point() -> None:
    assert sorted(FIELDS) == sorted(Layout._fields)
    assert len(FIELDS) == len(BASE) + len(GROUP) + len(SHAPE) + len(MODE)


def test_one_layout_becomes_arrays_and_comes_back() -> None:
    assert alone(LAYOUT).row(0) == Layout(*(np.float64(value) for value in LAYOUT))


def test_the_widest_axes_hold_every_word_of_a_config() -> None:
    assert set(WIDE.sharding) == set(SHARDING)
    assert set(WIDE.recompute) == set(RECOMPUTE)
    assert set(WIDE.context) == set(CP_KIND)
    assert set(SCHEDULE) - set(WIDE.schedule) == {"gpipe"}  # 1F1B does the same in less memory


def test_what_frameworks_offer_is_part_of_all() -> None:
    for own, wide in zip(USUAL, WIDE, strict=True):
        if isinstance(own, tuple):
            assert set(own) <= set(wide) | {0}
        else:
            assert own <= wide

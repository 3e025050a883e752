"""Who sends to whom."""

import numpy as np
import pytest

from perfmodel.fabrics import traffic


def random() -> np.random.Generator:
    return np.random.default_rng(0)


PERMUTING = {
    "permutation": lambda: traffic.permutation(96, random()),
    "node_permutation": lambda: traffic.node_permutation(96, 8, random()),
    "crossing": lambda: traffic.crossing(3, 4, 8, random()),
    "shift": lambda: traffic.shift(96, 5),
    "exchange": lambda: traffic.exchange(96, 4),
    "tenants": lambda: traffic.tenants(96, 4, random()),
}


@pytest.mark.parametrize("name", PERMUTING)
def test_nobody_sends_or_receives_twice(name: str):
    pairs = PERMUTING[name]()
    assert len(np.unique(pairs.source)) == len(pairs.source)
    assert len(np.unique(pairs.target)) == len(pairs.target)
    assert (pairs.source != pairs.target).all()


def test_a_crossing_permutation_leaves_no_chip_in_its_unit_or_off_its_rail():
    pairs = traffic.crossing(3, 4, 8, random())
    assert len(pairs.source) == 96
    assert (pairs.source // 32 != pairs.target // 32).all()
    assert (pairs.source % 8 == pairs.target % 8).all()


def test_an_incast_has_one_receiver():
    assert set(traffic.incast(40, 1).target) == {0}
    assert set(traffic.incast(40, 4).target) == {0, 10, 20, 30}


def test_jobs_stay_among_themselves():
    pairs = traffic.tenants(96, 4, random())
    job = {}
    for number, part in enumerate(np.array_split(random().permutation(96), 4)):
        job.update(dict.fromkeys(part.tolist(), number))
    assert all(job[a] == job[b] for a, b in zip(pairs.source, pairs.target, strict=True))


def test_every_chip_of_an_all_to_all_has_as_many_partners():
    pairs = traffic.all_to_all(64, 7, 8)
    assert np.bincount(pairs.source).tolist() == [7] * 64
    assert (pairs.source % 8 == pairs.target % 8).all()


def test_groups_of_a_layout_are_rings_of_their_own():
    pairs = traffic.groups((4, 2, 3), (2.0, 0.0, 1.0))
    assert len(pairs.source) == 48  # the dimension without bytes is silent
    tensor = pairs.weight == 2.0
    assert (pairs.source[tensor] // 4 == pairs.target[tensor] // 4).all()
    outer = ~tensor
    assert (pairs.source[outer] % 8 == pairs.target[outer] % 8).all()


def test_doubling_has_a_step_per_bit():
    assert len(traffic.steps_of("doubling", 96, 12)) == 7
    assert len(traffic.steps_of("pairwise", 96, 12)) <= 12

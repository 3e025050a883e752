"""Links of scale-up domains."""

import numpy as np
import pytest

from perfmodel.fabrics import scaleup
from perfmodel.fabrics.routing import pairs_of

SWITCHED = scaleup.Domain(16, 8, 10.0, 10.0)
MESH = scaleup.Domain(16, 8, 7.0, 1.0)
TORUS = scaleup.Domain(64, 64, 6.0, 1.0, (4, 4, 4), 4)
LINE = scaleup.Domain(64, 64, 6.0, 1.0, (4, 4, 4), 16)


def walk(domain, source, target):
    return scaleup.around(domain, pairs_of(np.atleast_1d(source), np.atleast_1d(target)))


def test_behind_a_switch_two_links_join_two_chips_and_in_a_mesh_one():
    source, target = np.array([1, 2]), np.array([3, 2])
    assert (scaleup.inside(SWITCHED, source, target) >= 0).sum(1).tolist() == [2, 0]
    assert (scaleup.inside(MESH, source, target) >= 0).sum(1).tolist() == [1, 0]
    assert len(scaleup.links(MESH)[0].capacity) == 16 * 8


def test_a_torus_goes_axis_by_axis_the_shorter_way():
    link, weight, _ = walk(TORUS, 0, 3 + 4)  # one back along x over the wrap, one along y
    assert (link >= 0).sum() == 2
    assert weight.tolist() == [1.0]


def test_a_tie_is_split_evenly_over_both_ways():
    link, weight, pair = walk(TORUS, 0, 2)
    assert weight.tolist() == [0.5, 0.5]
    assert pair.tolist() == [0, 0]
    assert not set(link[0]) & set(link[1]) - {-1}
    link, weight, pair = walk(TORUS, 0, 2 + 2 * 4 + 2 * 16)
    assert weight == pytest.approx(np.full(8, 1 / 8))


def test_an_axis_that_does_not_close_is_a_line():
    link, weight, _ = walk(LINE, 0, 3)
    assert (link >= 0).sum() == 3
    assert weight.tolist() == [1.0]


def test_every_hop_of_a_walk_leads_to_the_next_chip():
    link, _, _ = walk(TORUS, 5, 46)
    chip, strides = 5, (1, 4, 16)
    for hop in link[0][link[0] >= 0]:
        here, axis, back = hop // 6, hop % 6 // 2, hop % 2
        assert here == chip
        place = chip // strides[axis] % 4
        chip += ((place + (-1 if back else 1)) % 4 - place) * strides[axis]
    assert chip == 46

"""Links and their state."""

import numpy as np

from perfmodel.fabrics.hashing import spread
from perfmodel.fabrics.links import SLOW, Cables, Wear, table, worn


def test_links_are_numbered_kind_after_kind():
    links = table([Cables("a", np.ones(2)), Cables("b", np.zeros(3)), Cables("a", np.ones(1))])
    assert links.start == (0, 2, 5, 6)
    assert [links.names[row] for row in links.level] == ["a", "a", "b", "b", "b", "a"]


def test_sound_cables_carry_all_and_worn_ones_their_share():
    assert (worn(10, 2.0, Wear(seed=3), 0) == 2.0).all()
    carries = worn(100_000, 2.0, Wear(failed=0.01, slow=0.02), 0)
    assert np.isclose((carries == 0.0).mean(), 0.01, atol=0.002)
    assert np.isclose((carries == 2.0 * SLOW).mean(), 0.02, atol=0.002)


def test_one_seed_gives_one_state_and_kinds_differ():
    wear = Wear(failed=0.1, seed=7)
    assert np.array_equal(worn(50, 1.0, wear, 1), worn(50, 1.0, wear, 1))
    assert not np.array_equal(worn(50, 1.0, wear, 1), worn(50, 1.0, wear, 2))


def test_a_hash_is_even_and_its_salt_gives_another():
    ways = spread(np.arange(64_000), 32, 0)
    assert np.bincount(ways).min() > 1800
    assert np.mean(ways == spread(np.arange(64_000), 32, 1)) < 0.05

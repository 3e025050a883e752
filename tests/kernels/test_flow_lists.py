"""Lists of flows in blocks."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.flow_lists import Listed, append, block_of, blocks, part
from tests.kernels.compiling import compiled

PART = compiled(lambda listed, leaves: part(listed, leaves, 4))


def test_a_block_at_the_end_counts_in_part():
    ids, live = block_of(Listed(jnp.arange(12), jnp.int32(6)), jnp.int32(1), 4)
    assert np.array_equal(ids, [4, 5, 6, 7])
    assert np.array_equal(live, [True, True, False, False])
    assert int(blocks(Listed(ids, jnp.int32(6)), 4)) == 2


def test_append_writes_behind_what_is_there():
    listed = Listed(jnp.array([9, 0, 0, 0, 0, 0]), jnp.int32(1))
    longer = append(listed, jnp.array([4, 5, 6]), jnp.array([True, False, True]))
    assert int(longer.length) == 3
    assert np.array_equal(longer.ids[:3], [9, 4, 6])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=13, max_size=13), st.integers(0, 13))
def test_the_two_parts_are_the_whole_in_order(leaves: list[bool], count: int):
    listed = Listed(jnp.pad(jnp.arange(13, dtype=jnp.int32)[::-1], (0, 7)), jnp.int32(count))
    stay, gone = PART(listed, jnp.array(leaves))
    ids = np.arange(13)[::-1][:count]
    mask = np.array(leaves)[ids]
    assert np.array_equal(stay.ids[: int(stay.length)], ids[~mask])
    assert np.array_equal(gone.ids[: int(gone.length)], ids[mask])

"""Legal layouts of a job, generated block by block."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.spaces.layouts import FIELDS, USUAL, WIDE, Axes, Layouts
from perfmodel.spaces.legality import RULES, Job, broken
from perfmodel.spaces.space import blocks, distinct, space, written

LLAMA = Job(126, 128, 8, 0, 8192, 2048, 0.05, 16_384, 8, fused=True)
DEEPSEEK = Job(61, 128, 128, 256, 4096, 15_360, 0.05, 25_000, 8, fused=True, expert_ffn=2048)
GIANT = Job(112, 128, 8, 512, 8192, 8192, 0.05, 100_008, 72, fused=True, expert_ffn=4096)
FEW = USUAL._replace(tp=(4, 8), cp=(1, 2), ep=(1, 64), micro_batch=(1, 2), pp=16)


def _columns(layouts: Layouts) -> dict[str, np.ndarray]:
    return layouts._asdict()


@pytest.mark.parametrize("job", [LLAMA, DEEPSEEK])
def test_every_layout_keeps_every_rule(job: Job) -> None:
    layouts = written(space(job, FEW))
    assert len(layouts.tp) > 10_000
    assert (broken(RULES, _columns(layouts), job) == len(RULES)).all()


@pytest.mark.parametrize("job", [LLAMA, DEEPSEEK])
def test_no_layout_comes_twice(job: Job) -> None:
    rows = np.stack(written(space(job, FEW)), axis=1)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_points_come_in_the_order_of_the_fields() -> None:
    layouts = written(space(LLAMA, FEW))
    degrees = [getattr(layouts, name) for name in ("dp", "replicas", "pp", "vpp", "micro_batches")]
    of_base = (layouts.tp == 8) & (layouts.cp == 1) & (layouts.micro_batch == 1)
    table = np.stack(degrees, axis=1)[of_base]
    ordered = table[np.lexsort(table.T[::-1])]
    np.testing.assert_array_equal(table, ordered)


def test_blocks_of_any_size_hold_the_same_shapes() -> None:
    asked = space(DEEPSEEK, FEW)
    small, large = (
        np.concatenate([np.c_[b.base, b.shapes] for b in blocks(asked, size)]) for size in (3, 50)
    )
    np.testing.assert_array_equal(small, large)


def test_the_published_layout_of_llama_3_405b_is_found() -> None:
    """TP 8, PP 16, DP 128 on 16,384 chips (arXiv 2407.21783, table 4)."""
    layouts = written(space(LLAMA))
    same = (layouts.tp == 8) & (layouts.cp == 1) & (layouts.pp == 16) & (layouts.dp == 128)
    assert (layouts.micro_batches[same] == 16).any()


def test_replicas_may_leave_chips_over() -> None:
    layouts = written(space(LLAMA._replace(chips=100_000), FEW))
    used = layouts.tp * layouts.cp * layouts.pp * layouts.dp
    assert used.max() <= 100_000
    assert used.min() < 0.7 * 100_000


def test_interleaving_is_found_where_replicas_have_to_be_left_over() -> None:
    """2,048 sequences on 100,000 chips: micro-batches in multiples of 16 stages need spares."""
    layouts = written(space(LLAMA._replace(chips=100_000)))
    assert ((layouts.pp == 16) & (layouts.vpp > 1)).any()


def test_one_replica_is_never_sharded_two_ways() -> None:
    alone = written(space(LLAMA._replace(chips=8, batch=8), FEW._replace(cp=(1,))))
    single = alone.where(alone.dp == 1)
    assert len(single.dp)
    assert np.unique(single.sharding).size == 1


def test_copies_need_something_that_is_sharded() -> None:
    at = {"cp": 1.0, "dp": 64.0, "replicas": 2.0, "sharding": np.array([0.0, 1.0, 3.0])}
    assert distinct(at, 0.0).tolist() == [False, True, True]


def test_fused_attention_has_no_scores_to_compute_again() -> None:
    assert len(space(LLAMA).modes) == 6
    assert len(space(LLAMA._replace(fused=False)).modes) == 8


def test_the_first_mode_saves_no_memory() -> None:
    first = dict(zip(FIELDS[-5:], space(LLAMA, WIDE).modes[0], strict=True))
    assert first["recompute"] == first["offload_states"] == first["offload_activations"] == 0.0


def test_shares_of_the_layers_are_whole_layers() -> None:
    shares = space(LLAMA, WIDE).modes[:, 2] * LLAMA.layers
    np.testing.assert_allclose(shares, shares.round(), atol=1e-9)


def test_a_filter_keeps_what_it_asks_for() -> None:
    def kept(grid: dict[str, np.ndarray]) -> np.ndarray:
        keep = np.ones(len(next(iter(grid.values()))), bool)
        for name, most in (("pp", 8.0), ("recompute", 0.0), ("tp", 4.0)):
            keep &= grid[name] <= most if name in grid else True
        return keep

    layouts, whole = written(space(LLAMA, FEW, kept)), written(space(LLAMA, FEW))
    chosen = whole.where((whole.pp <= 8) & (whole.recompute == 0) & (whole.tp <= 4))
    np.testing.assert_array_equal(np.stack(layouts), np.stack(chosen))
    assert len(layouts.tp)


def test_what_is_dropped_is_counted_by_reason() -> None:
    asked = space(DEEPSEEK, FEW._replace(tp=(3, 8, 16)))
    dropped: Counter = Counter(asked.dropped)
    for block in blocks(asked):
        dropped += block.dropped
    assert dropped["heads"] > 0
    assert dropped["domain"] > 0
    assert dropped["dualpipe"] > 0


def test_a_giant_has_tens_of_millions_of_layouts_that_nobody_writes_out() -> None:
    asked, points, largest = space(GIANT, WIDE), 0, 0
    for number, block in enumerate(blocks(asked)):
        points += len(block.base) * len(asked.modes)
        largest = max(largest, block.shapes.nbytes)
        if number == 7:
            break
    assert points > 20e6
    assert largest < 100e6
    assert len(asked.bases) > 1000


@given(chips=st.integers(1, 200_000), batch=st.integers(1, 20_000))
@settings(max_examples=30, deadline=None)
def test_odd_sizes_give_legal_layouts_or_none(chips: int, batch: int) -> None:
    job = LLAMA._replace(chips=chips, batch=batch)
    layouts = written(space(job, Axes(tp=(1, 8), cp=(1,), micro_batch=(1, 2))))
    assert (broken(RULES, _columns(layouts), job) == len(RULES)).all()

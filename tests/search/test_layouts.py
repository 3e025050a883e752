"""Legal layouts of a job."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.search.layouts import (
    Axes,
    Job,
    Layouts,
    enumerate_degrees,
    enumerate_layouts,
    modes,
)
from perfmodel_kernels.layout import Layout

LLAMA = Job(126, 128, 8, 0, 8192, 2048, 0.05, 16_384, 8, fused=True)
DEEPSEEK = Job(61, 128, 128, 256, 4096, 15_360, 0.05, 25_000, 8, fused=True)


def _batch(layouts: Layouts) -> np.ndarray:
    return layouts.micro_batch * layouts.micro_batches * layouts.dp


def test_many_layouts_have_the_fields_of_one() -> None:
    assert Layouts._fields == Layout._fields


@pytest.mark.parametrize("job", [LLAMA, DEEPSEEK])
def test_no_layout_needs_more_chips_than_there_are(job: Job) -> None:
    layouts = enumerate_layouts(job)
    assert len(layouts.tp) > 1000
    assert (layouts.tp * layouts.cp * layouts.pp * layouts.dp <= job.chips).all()


@pytest.mark.parametrize("job", [LLAMA, DEEPSEEK])
def test_the_batch_moves_no_further_than_allowed(job: Job) -> None:
    moved = np.abs(_batch(enumerate_layouts(job)) / job.batch - 1.0)
    assert moved.max() <= job.tolerance


def test_no_layout_comes_twice() -> None:
    rows = np.stack(enumerate_layouts(DEEPSEEK), axis=1)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_expert_ranks_divide_experts_and_the_ranks_that_hold_them() -> None:
    layouts = enumerate_layouts(DEEPSEEK)
    assert (DEEPSEEK.experts % layouts.ep == 0).all()
    assert (layouts.tp * layouts.cp * layouts.dp % layouts.ep == 0).all()


def test_interleaving_has_micro_batches_in_multiples_of_the_stages() -> None:
    layouts = enumerate_layouts(LLAMA)
    interleaved = layouts.where(layouts.vpp > 1)
    assert len(interleaved.tp) > 100
    assert (interleaved.micro_batches % interleaved.pp == 0).all()


def test_the_published_layout_of_llama_3_405b_is_found() -> None:
    """TP 8, PP 16, DP 128 on 16,384 chips (arXiv 2407.21783, table 4)."""
    layouts = enumerate_degrees(LLAMA, Axes())
    same = (layouts.tp == 8) & (layouts.cp == 1) & (layouts.pp == 16) & (layouts.dp == 128)
    assert (layouts.micro_batches[same] == 16).any()


def test_fused_attention_has_no_scores_to_compute_again() -> None:
    assert len(modes(LLAMA, Axes())) == 6
    assert len(modes(LLAMA._replace(fused=False), Axes())) == 8


def test_one_replica_is_never_sharded_two_ways() -> None:
    alone = enumerate_layouts(LLAMA._replace(chips=8, batch=8), Axes(cp=(1,)))
    assert (alone.dp == 1).any()
    assert np.unique(alone.where(alone.dp == 1).sharding).size == 1


@given(chips=st.integers(1, 200_000), batch=st.integers(1, 20_000))
@settings(max_examples=30, deadline=None)
def test_odd_sizes_give_legal_layouts_or_none(chips: int, batch: int) -> None:
    job = LLAMA._replace(chips=chips, batch=batch)
    layouts = enumerate_degrees(job, Axes(tp=(1, 8), cp=(1,), micro_batch=(1, 2)))
    assert (layouts.tp * layouts.cp * layouts.pp * layouts.dp <= chips).all()
    assert (np.abs(_batch(layouts) / batch - 1.0) <= job.tolerance + 1e-12).all()
    assert (layouts.dp >= 1).all()
    assert (layouts.micro_batches >= 1).all()

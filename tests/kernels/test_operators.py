"""Operators of one micro-batch: roofline, launches, clocks and energy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.operators import (
    BACKWARD_FLOP,
    BlockTimes,
    ChipRates,
    KernelSet,
    block_times,
)
from perfmodel_kernels.placement import mean_over_stages, place
from perfmodel_kernels.power import ChipPower, Links
from perfmodel_kernels.transformer import IS_LAYER
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import (
    CHIP,
    DEEPSEEK_V3,
    EXPERTS,
    GPT_22B,
    LAYOUT,
    LINKS,
    POWER,
    STACK,
    as_arrays,
)

KERNELS = STACK.kernels
DENSE, EXPERT, PREDICTION, EMBEDDING, OUTPUT = range(5)
UNLIMITED = POWER._replace(cap=1e9)
QUIET = LINKS._replace(hidden=0.0)
Electrical = tuple[ChipPower, Links]


def timed(model, layout, chip: ChipRates, kernels: KernelSet, power: Electrical) -> BlockTimes:
    return block_times(place(model, layout, 2048.0), chip, kernels, *power)


program = compiled(timed)


def times(
    chip=CHIP, kernels=KERNELS, power=POWER, *, model=GPT_22B, layout=LAYOUT, links=QUIET
) -> BlockTimes:
    arguments = (model, layout, chip, kernels, (power, links))
    return program(*(as_arrays(argument) for argument in arguments))


def in_all(found: BlockTimes, kind: str) -> np.ndarray:
    """Forward and backward time by block."""
    forward, backward = f"{kind}_forward", f"{kind}_backward"
    return np.asarray(getattr(found, forward)) + np.asarray(getattr(found, backward))


def test_an_unlimited_cap_runs_every_phase_at_the_highest_clock():
    np.testing.assert_array_equal(times(power=UNLIMITED).pace.clock, [POWER.highest] * 4)


def test_products_throttle_first_and_memory_traffic_last():
    clock = np.asarray(times(power=POWER._replace(cap=450.0)).pace.clock)
    matrix, attention, memory, communication = clock
    assert POWER.lowest < matrix < attention < memory
    assert memory == communication == POWER.highest


def test_without_memory_time_and_launches_nothing_but_arithmetic_is_left():
    free = times(CHIP._replace(hbm=1e30), KERNELS._replace(launch=0.0), UNLIMITED)
    assert np.all(in_all(free, "elementwise") < 1e-12)
    assert np.all(in_all(free, "attention")[IS_LAYER] > 0)


def test_a_layer_of_ideal_products_takes_its_flop_over_the_peak():
    ideal = CHIP._replace(hbm=1e30, fraction_low=1.0, tile_overhead=0.0, tile=1.0, units=1.0)
    found = times(ideal, power=UNLIMITED._replace(highest=1.0))
    tokens, h = 2 * 2048 / 2, 6144  # of a context rank
    flop = 2 * tokens * 12 * h**2 / 4
    assert float(found.matrix_forward[DENSE]) == pytest.approx(flop / 2e15, rel=1e-9)
    assert float(found.matrix_backward[DENSE]) == pytest.approx(2 * flop / 2e15, rel=1e-9)


def test_fused_attention_by_hand():
    found = times(power=UNLIMITED._replace(highest=1.0))
    tokens, width = 2 * 2048 / 2, 64 * 2 * 96 / 4
    flop = 2 * tokens * 1024 * width
    wide = 96 / (96 + 50) * (128 + 50) / 128
    share = wide * 1024 / (1024 + 600)  # two context ranks: chunks of half the sequence
    forward = flop / (1e15 * 0.65 * share)
    backward = 2.5 * flop / (1e15 * 0.55 * share)
    assert float(found.attention_forward[DENSE]) == pytest.approx(forward, rel=1e-9)
    assert float(found.attention_backward[DENSE]) == pytest.approx(backward, rel=1e-9)


def test_memory_bound_operators_by_hand():
    plain = KERNELS._replace(launch=0.0, cast_bytes=0.0, passes=1.0)
    found = times(kernels=plain)
    tokens, h = 2 * 2048 / 2, 6144  # sequence parallel: split over four tensor ranks
    moved = (2 * 8 * h + 4 * 2 * h + 4 * 4 * h) * tokens / 4  # norms, rotary, activation
    assert float(found.elementwise_forward[DENSE]) == pytest.approx(moved / 3e12, rel=1e-9)


def test_trips_through_memory_multiply_the_memory_bound_part():
    plain = KERNELS._replace(launch=0.0, cast_bytes=0.0, passes=1.0)
    once, twice = times(kernels=plain), times(kernels=plain._replace(passes=2.0))
    np.testing.assert_allclose(in_all(twice, "elementwise"), 2 * in_all(once, "elementwise"))


def test_every_kernel_adds_a_gap():
    once, twice = times(), times(kernels=KERNELS._replace(launch=2 * KERNELS.launch))
    kernels = (in_all(twice, "elementwise") - in_all(once, "elementwise")) / KERNELS.launch
    # a dense layer: 4 products, 4 memory-bound operators and attention, the products twice more;
    # each trip through memory is a kernel
    np.testing.assert_allclose(kernels[DENSE], (4 + 6 + 1) + (8 + 6 + 1), rtol=1e-9)
    np.testing.assert_allclose(kernels[OUTPUT], (1 + 3) + (2 + 3), rtol=1e-9)


def test_casting_to_low_precision_costs_traffic():
    with_cast, without = times(), times(kernels=KERNELS._replace(cast_bytes=0.0))
    added = in_all(with_cast, "elementwise") - in_all(without, "elementwise")
    assert added[DENSE] > 0
    assert added[OUTPUT] == 0  # the vocabulary stays in 16 bits


def test_unfused_attention_computes_whole_squares_and_writes_them():
    fused, unfused = times(), times(kernels=KERNELS._replace(fused=0.0))
    squares = 2 * 2 * 2 * 16 * 1024 * 2048 * 96  # two products, two sequences, 16 heads, half
    assert float(unfused.attention_flop) == pytest.approx(12 * squares, rel=1e-9)
    assert float(fused.attention_flop) == pytest.approx(12 * squares / 2, rel=1e-9)
    written = 1.5 * 9 * 16 * 2048 * 2048 / 3e12  # scores of the softmax, in and out
    assert float(unfused.attention_forward[DENSE]) > written
    assert float(unfused.attention_forward[OUTPUT]) == 0.0


def test_low_precision_speeds_products_up_to_its_peak():
    slow = CHIP._replace(peak_low=CHIP.peak_16bit, fraction_low=CHIP.fraction_16bit)
    half = times(slow, power=UNLIMITED).matrix_forward[DENSE]
    low = times(power=UNLIMITED).matrix_forward[DENSE]
    assert 1.0 < float(half / low) <= 2.0
    same = times(slow, power=UNLIMITED).matrix_forward[OUTPUT]
    assert float(same) == pytest.approx(float(times(power=UNLIMITED).matrix_forward[OUTPUT]))


def test_flop_of_a_dense_step_by_hand():
    found = times()
    tokens, h = 2 * 2048 / 2, 6144
    layers = 12 * 12 * h**2 / 4
    weights = layers + 51200 * h / 4 / 4  # a quarter of the stages has the vocabulary
    attention = 12 * 2 * tokens * 1024 * 64 * 2 * 96 / 4
    forward = 2 * tokens * layers + attention
    assert float(found.forward_flop) == pytest.approx(forward, rel=1e-9)
    total = 6 * tokens * weights + (1 + BACKWARD_FLOP) * attention
    assert float(found.flop) == pytest.approx(total, rel=1e-9)


layouts = st.builds(
    lambda tp, pp, mb: LAYOUT._replace(tp=tp, pp=pp, micro_batch=mb),
    st.sampled_from([1.0, 2.0, 8.0]),
    st.sampled_from([1.0, 2.0, 8.0]),
    st.sampled_from([1.0, 4.0]),
)
jobs = st.fixed_dictionaries({"model": st.sampled_from([GPT_22B, EXPERTS]), "layout": layouts})
caps = st.floats(100.0, 1500.0).map(lambda cap: POWER._replace(cap=cap))
kernel_sets = st.builds(
    lambda fused, launch: KERNELS._replace(fused=fused, launch=launch),
    st.sampled_from([0.0, 1.0]),
    st.floats(0.0, 1e-5),
)


@settings(max_examples=50, deadline=None)
@given(jobs, caps, kernel_sets)
def test_no_block_beats_the_roofline(job, power, kernels):
    found = times(kernels=kernels, power=power, **job)
    busy = float(found.time)
    arithmetic = float(found.flop) / (CHIP.peak_low * CHIP.fraction_16bit * POWER.highest)
    assert busy >= arithmetic


@settings(max_examples=50, deadline=None)
@given(jobs, caps, kernel_sets)
def test_clocks_stay_in_their_range(job, power, kernels):
    clock = np.asarray(times(kernels=kernels, power=power, **job).pace.clock)
    assert np.all((clock >= power.lowest) & (clock <= power.highest))


@settings(max_examples=50, deadline=None)
@given(jobs, caps, kernel_sets)
def test_a_busy_chip_draws_more_than_idle_and_no_more_than_the_cap(job, power, kernels):
    found = times(kernels=kernels, power=power, links=LINKS, **job)
    drawn = float(found.energy / found.time)
    assert power.idle < drawn <= power.cap * (1 + 1e-9)


@settings(max_examples=50, deadline=None)
@given(jobs, caps, st.floats(1.0, 1.5))
def test_a_higher_cap_is_never_slower(job, power, factor):
    higher = power._replace(cap=power.cap * factor)
    before, after = times(power=power, **job).time, times(power=higher, **job).time
    assert float(after) <= float(before) * (1 + 1e-4)


@settings(max_examples=30, deadline=None)
@given(jobs, kernel_sets)
def test_time_and_blocks_add_up_on_the_mean_chip(job, kernels):
    found = times(kernels=kernels, **job)
    spot = place(as_arrays(job["model"]), as_arrays(job["layout"]), 2048.0)
    blocks = np.asarray(mean_over_stages(spot))
    kinds = sum(in_all(found, kind) for kind in ("matrix", "attention", "elementwise"))
    assert float(blocks @ kinds) == pytest.approx(float(found.time), rel=1e-9)


FIGURES = [
    (2, "peak_low", -1),
    (2, "peak_16bit", -1),
    (2, "fraction_low", -1),
    (2, "tile_overhead", 1),
    (2, "attention_forward", -1),
    (2, "attention_half_length", 1),
    (2, "hbm", -1),
    (3, "launch", 1),
    (3, "passes", 1),
    (4, "cap", -1),
    (4, "idle", 1),
]


@pytest.mark.parametrize(("argument", "field", "sign"), FIGURES)
def test_gradient_of_the_time_equals_the_difference(argument, field, sign):
    arguments = [as_arrays(part) for part in (GPT_22B, LAYOUT, CHIP, KERNELS, POWER)]
    links = as_arrays(LINKS)

    def time(value):
        changed = list(arguments)
        changed[argument] = changed[argument]._replace(**{field: value})
        return timed(*changed[:4], (changed[4], links)).time

    check_gradient(time, float(getattr(arguments[argument], field)), sign)


@pytest.mark.parametrize(
    "field", ["flop_energy_low", "hbm_energy", "stream_energy", "attention_energy"]
)
def test_gradient_of_the_energy_of_an_unlimited_chip_equals_the_difference(field):
    fixed = [as_arrays(part) for part in (GPT_22B, LAYOUT, KERNELS, UNLIMITED, QUIET)]
    model, layout, kernels, *electrical = fixed

    def energy(value):
        chip = as_arrays(CHIP)._replace(**{field: value})
        return timed(model, layout, chip, kernels, tuple(electrical)).energy

    check_gradient(energy, getattr(CHIP, field), 1)


def test_traffic_behind_the_products_takes_its_power_from_them():
    power = POWER._replace(cap=500.0)
    quiet, loud = times(power=power), times(power=power, links=LINKS._replace(hidden=1e12))
    assert float(loud.pace.clock[0]) < float(quiet.pace.clock[0])
    np.testing.assert_array_equal(loud.pace.clock[1:3], quiet.pace.clock[1:3])
    fastest = float(times(power=UNLIMITED).matrix_forward.sum())
    assert float(loud.carried) > LINKS.rate * fastest  # as much as fits behind all of them
    assert float(times(links=LINKS._replace(hidden=1e3)).carried) == 1e3


def test_waiting_and_streaming_lie_between_idle_and_the_cap():
    found = times()
    assert POWER.idle < float(found.waiting) < float(found.streaming) < POWER.cap
    assert float(found.streaming) == pytest.approx(70.0 + 80.0 + 3e12 * 80e-12)


LATENT = KERNELS._replace(latent=1.0)


def test_only_software_that_computes_latent_attention_again_spends_time_on_it():
    for kernels, model in ((KERNELS, DEEPSEEK_V3), (LATENT, GPT_22B)):
        found = times(kernels=kernels, model=model)
        assert not np.asarray(found.latent_forward).any()
        assert float(found.latent_flop) == 0.0


def test_flop_of_up_projections_are_those_of_their_matrices():
    # arXiv 2412.19437, section 4.2: 1,536 to 128 heads of 192, 512 to 128 heads of 128 and 128
    found = times(kernels=LATENT, model=DEEPSEEK_V3)
    matrices = 1536 * 128 * 192 + 512 * 128 * (128 + 128)
    tokens = LAYOUT.micro_batch * 2048 / LAYOUT.cp
    by_hand = 2 * tokens / LAYOUT.tp * matrices * DEEPSEEK_V3.layers / LAYOUT.pp
    assert float(found.latent_flop) == pytest.approx(by_hand, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(tp=st.sampled_from([1.0, 2.0, 4.0, 8.0]), cap=st.sampled_from([300.0, 500.0, 1e9]))
def test_up_projections_take_a_part_of_the_products_and_never_beat_the_roofline(tp, cap):
    layout, power = LAYOUT._replace(tp=tp), POWER._replace(cap=cap)
    found = times(kernels=LATENT, model=DEEPSEEK_V3, layout=layout, power=power)
    repeated = np.asarray(found.latent_forward)
    assert np.all(repeated <= np.asarray(found.matrix_forward))
    assert not repeated[~IS_LAYER].any()
    mean = np.asarray(mean_over_stages(place(DEEPSEEK_V3, as_arrays(layout), 2048.0))) * repeated
    assert mean.sum() >= float(found.latent_flop) / (CHIP.peak_low * POWER.highest)


def test_gradient_of_the_up_projections_equals_the_difference():
    fixed = [as_arrays(part) for part in (LAYOUT, CHIP, LATENT, UNLIMITED, QUIET)]
    layout, chip, kernels, *electrical = fixed

    def spent(value):
        model = as_arrays(DEEPSEEK_V3)._replace(q_rank=value)
        return timed(model, layout, chip, kernels, tuple(electrical)).latent_forward[0]

    check_gradient(spent, 1536.0, 1)

"""Time of operators: roofline, tile quantisation, depth of a product, length of a sequence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.roofline import (
    MatrixUnits,
    Shape,
    Span,
    attention_share,
    gemm_bytes,
    gemm_compute_time,
    half_depth,
    tile_quantisation,
)
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient

UNITS = MatrixUnits(peak=1e15, fraction=0.8, units=128.0, tile=128.0, tile_overhead=1.5e-6)
IDEAL = UNITS._replace(fraction=1.0, tile_overhead=0.0)

compute_time = compiled(gemm_compute_time)
quantisation = compiled(tile_quantisation)


def product(m: float, n: float, k: float, groups: float = 1.0) -> Shape:
    return Shape(*(np.full((1, 1), float(value)) for value in (m, n, k, groups)))


def flop(shape: Shape) -> np.ndarray:
    return 2.0 * shape.groups * shape.m * shape.n * shape.k


sizes = st.integers(1, 60_000).map(float)
shapes = st.builds(product, sizes, sizes, sizes, st.integers(1, 64).map(float))


def test_a_product_of_full_waves_on_ideal_units_runs_at_peak():
    shape = product(128 * 16, 128 * 32, 4096)  # 512 tiles: four waves of 128 units
    np.testing.assert_allclose(compute_time(shape, IDEAL), flop(shape) / 1e15, rtol=1e-12)


def test_full_waves_waste_nothing():
    assert quantisation(product(128 * 16, 128 * 32, 64), UNITS)[0, 0] == 1.0


def test_one_tile_more_than_a_wave_takes_a_second_wave():
    useful = quantisation(product(128, 128, 64, groups=129.0), UNITS)
    np.testing.assert_allclose(useful, 129 / 256, rtol=1e-12)


def test_one_row_occupies_a_whole_tile():
    useful = quantisation(product(1, 128 * 128, 64), UNITS)
    np.testing.assert_allclose(useful, 1 / 128, rtol=1e-12)


def test_a_product_that_does_not_exist_takes_no_time():
    assert compute_time(product(0.0, 128, 128), UNITS)[0, 0] == 0.0
    assert compute_time(product(128, 128, 0.0), UNITS)[0, 0] == 0.0


def test_half_of_the_rate_is_reached_at_the_half_depth():
    depth = float(half_depth(UNITS))
    at_half = product(128 * 16, 128 * 32, depth)
    rate = flop(at_half) / compute_time(at_half, UNITS)
    np.testing.assert_allclose(rate, 0.5 * 0.8e15, rtol=1e-12)


def test_the_half_depth_is_the_overhead_in_products_of_a_tile():
    depth = float(half_depth(UNITS))
    tile_time = 2 * 128 * 128 * depth / (1e15 / 128)
    assert tile_time == pytest.approx(1.5e-6)


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_no_product_beats_the_roofline(shape):
    assert compute_time(shape, UNITS)[0, 0] >= flop(shape)[0, 0] / 0.8e15 * (1 - 1e-12)


@settings(max_examples=60, deadline=None)
@given(shapes)
def test_the_useful_share_lies_between_nothing_and_all(shape):
    assert 0.0 < quantisation(shape, UNITS)[0, 0] <= 1.0


@settings(max_examples=40, deadline=None)
@given(shapes, st.floats(1.01, 4.0))
def test_a_higher_peak_never_slows_a_product(shape, factor):
    faster = UNITS._replace(peak=UNITS.peak * factor)
    assert compute_time(shape, faster)[0, 0] <= compute_time(shape, UNITS)[0, 0]


@settings(max_examples=40, deadline=None)
@given(shapes, st.floats(1.01, 4.0))
def test_overhead_per_tile_always_costs_time(shape, factor):
    slower = UNITS._replace(tile_overhead=UNITS.tile_overhead * factor)
    assert compute_time(shape, slower)[0, 0] > compute_time(shape, UNITS)[0, 0]


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(1, 5000))
def test_a_deeper_product_takes_longer(shape, more):
    deeper = shape._replace(k=shape.k + more)
    assert compute_time(deeper, UNITS)[0, 0] > compute_time(shape, UNITS)[0, 0]


DEEPGEMM = [
    # rows, columns, depth, groups, TFLOP/s
    (4096, 2112, 7168, 1, 1058),
    (4096, 24576, 1536, 1, 990),
    (4096, 32768, 512, 1, 590),
    (4096, 7168, 16384, 1, 1358),
    (4096, 4096, 7168, 1, 1304),
    (4096, 7168, 2048, 1, 1025),
    (8192, 4096, 7168, 4, 1297),
    (8192, 7168, 2048, 4, 1099),
    (4096, 4096, 7168, 8, 1288),
    (4096, 7168, 2048, 8, 1093),
]
"""DeepGEMM on H800, FP8 with 1x128 and 128x128 scales; first README of deepseek-ai/DeepGEMM,
February 2025. Grouped products: rows per group."""

H800_FP8 = MatrixUnits(
    peak=1978.9e12 * 1728 / 1830,  # NVIDIA H100 data sheet; the clock at which 1358 draws 700 W
    fraction=0.80,
    units=132.0,
    tile=128.0,
    tile_overhead=1.7e-6,
)


@pytest.mark.parametrize(("m", "n", "k", "groups", "published"), DEEPGEMM)
def test_fp8_products_of_deepgemm_within_ten_percent(m, n, k, groups, published):
    shape = product(m, n, k, groups)
    rate = flop(shape)[0, 0] / compute_time(shape, H800_FP8)[0, 0] / 1e12
    assert rate == pytest.approx(published, rel=0.10)


def test_bytes_of_a_product_by_hand():
    # 3 x 5 and 5 x 7 read at one byte, 3 x 7 written at two, in four groups
    assert gemm_bytes(product(3, 7, 5, 4), 1.0)[0, 0] == 4 * (15 + 35 + 2 * 21)


FLASH_ATTENTION_3 = [(1024, 423), (2048, 521), (4096, 579), (8192, 602), (16384, 616)]
"""Causal forward at head width 128 on H100 in FP16 [TFLOP/s]; Dao-AILab/flash-attention@0251105,
assets/flash3_fp16_fwd.png."""


HALF = Span(610.0, 55.0)


@pytest.mark.parametrize(("length", "published"), FLASH_ATTENTION_3)
def test_flash_attention_3_by_length_within_seven_percent(length, published):
    share = 0.66 * float(attention_share(Span(float(length), 128.0), HALF))
    assert share * 989.4 == pytest.approx(published, rel=0.07)


BY_WIDTH = [(64.0, 497 / 648), (128.0, 1.0), (256.0, 756 / 648)]
"""Forward without a mask over 16,384 tokens, over that of heads of 128; the same source."""


@pytest.mark.parametrize(("width", "published"), BY_WIDTH)
def test_flash_attention_3_by_width_within_two_percent(width, published):
    wide, stated = (float(attention_share(Span(16384.0, d), HALF)) for d in (width, 128.0))
    assert wide / stated == pytest.approx(published, rel=0.02)


def test_a_sequence_without_end_reaches_the_best_share_and_the_half_length_half():
    assert float(attention_share(Span(1e12, 128.0), HALF)) == pytest.approx(1.0)
    assert float(attention_share(Span(610.0, 128.0), HALF)) == pytest.approx(0.5)


@pytest.mark.parametrize(("field", "sign"), [("peak", -1), ("fraction", -1), ("tile_overhead", 1)])
def test_gradient_of_the_time_equals_the_difference(field, sign):
    shape = product(4096, 7168, 2048, 3)

    def time(value):
        return gemm_compute_time(shape, UNITS._replace(**{field: value}))[0, 0]

    check_gradient(time, getattr(UNITS, field), sign)


@pytest.mark.parametrize(("field", "sign"), [("length", 1), ("width", 1)])
def test_gradient_of_the_attention_share_equals_the_difference(field, sign):
    span = Span(4096.0, 96.0)

    def share(value):
        return attention_share(span._replace(**{field: value}), HALF)

    check_gradient(share, getattr(span, field), sign)

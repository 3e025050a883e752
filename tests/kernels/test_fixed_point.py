"""Sums of reals as integers."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.fixed_point import MOST_TERMS, Words, from_words, to_words, unit_of


def test_a_unit_is_the_next_power_of_two():
    assert np.array_equal(unit_of(jnp.array([0.0, 0.75, 1.0, 3.0])), [1.0, 1.0, 2.0, 4.0])


@settings(deadline=None)
@given(st.floats(1e-12, 1e12), st.floats(1.0, 1e3))
def test_words_keep_a_number_to_the_last_place_of_the_unit(value: float, above: float):
    unit = unit_of(jnp.asarray(value * above))
    back = from_words(to_words(jnp.asarray(value), unit), unit)
    assert abs(float(back) - value) <= float(unit) * 2.0**-52


def test_a_sum_returns_to_its_last_term_when_the_others_leave():
    with jax.enable_x64(False):
        terms = jnp.asarray(np.random.default_rng(0).uniform(0.1, 3.0, 40_000), jnp.float32)
        unit = unit_of(jnp.float32(3.0 * 40_000))
        words = to_words(terms, unit)
        total = Words(words.high.sum(), words.low.sum())
        left = Words(total.high - words.high[1:].sum(), total.low - words.low[1:].sum())
        assert abs(float(from_words(left, unit)) / float(terms[0]) - 1.0) < 1e-6


def test_the_most_terms_do_not_overflow():
    with jax.enable_x64(False):
        low = to_words(jnp.float32(1.0 - 2.0**-24), jnp.float32(2.0**20)).low
        assert int(low) * MOST_TERMS < 2**31

"""A function in stages against the function itself."""

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.engine.staging import BASE, GROUP, MODE, SHAPE, SHARED, plan, stage

LEVELS = (SHARED, BASE, GROUP, SHAPE, MODE)
SIZE = 8


def _function(shared, base, group, shape, mode):
    table = jnp.stack([base, base * shared, jnp.where(base > 0.0, base, 0.0)])
    spread = table * jnp.sqrt(group)
    both = jnp.stack([spread.sum(), spread.max()]) + shape
    switched = jnp.where(mode > 0.5, both * mode, both)
    return {"all": switched.sum(), "early": table.sum(), "mode": mode * 2.0, "shared": shared + 1.0}


def _staged(values: dict) -> dict:
    point = jax.ShapeDtypeStruct((), np.float32)
    planned = plan(_function, [point] * 5, LEVELS)
    tables: list = []
    for level in LEVELS:
        out = stage(planned, level, SIZE)([jnp.asarray(values[level], jnp.float32)], *tables)
        tables.append(out)
    return tables[-1]


def test_stages_give_what_the_function_gives() -> None:
    draw = np.random.default_rng(0)
    values = {level: draw.uniform(0.5, 2.0, SIZE) for level in (BASE, GROUP, SHAPE)}
    for mode in (0.0, 3.0):
        found = _staged(values | {SHARED: 1.5, MODE: mode})
        for place in range(SIZE):
            own = [np.float32(values[level][place]) for level in (BASE, GROUP, SHAPE)]
            alone = _function(np.float32(1.5), *own, np.float32(mode))
            for name, value in alone.items():
                np.testing.assert_allclose(found[name][place], value, rtol=1e-6, err_msg=name)


def test_inner_levels_compute_nothing_that_outer_ones_know() -> None:
    point = jax.ShapeDtypeStruct((), np.float32)
    planned = plan(_function, [point] * 5, LEVELS)
    inner = jax.make_jaxpr(
        lambda leaf, *tables: stage(planned, MODE, SIZE)([leaf], *tables)
    )(
        np.float32(1.0),
        np.zeros(planned.width(SHARED), np.float32),
        *(np.zeros((planned.width(level), SIZE), np.float32) for level in (BASE, GROUP, SHAPE)),
    )  # fmt: skip
    names = {equation.primitive.name for equation in inner.jaxpr.eqns}
    assert "sqrt" not in names
    assert "mul" in names

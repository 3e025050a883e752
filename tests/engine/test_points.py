"""Points that share nothing: each as if it were evaluated alone."""

import jax
import numpy as np

from perfmodel.engine import points as engine
from perfmodel.engine.points import evaluate_points
from perfmodel.engine.run import evaluate_few, flat
from perfmodel.spaces.layouts import Layouts
from perfmodel_kernels.site import SiteParams


def vectors(params: SiteParams, layouts: Layouts, count: int) -> tuple:
    form, _ = flat((params, layouts.row(0)))
    columns = [flat((params, layouts.row(number)))[1] for number in range(count)]
    return form, np.stack(columns, axis=1)


def test_points_are_those_of_few_layouts(params: SiteParams, layouts: Layouts):
    form, table = vectors(params, layouts, 20)
    many = evaluate_points(form, table)
    few = evaluate_few(params, layouts.where(slice(20)))
    for one, other in zip(jax.tree.leaves(many), jax.tree.leaves(few), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-12)


def test_any_number_of_points_comes_back_in_order(params: SiteParams, layouts: Layouts):
    form, table = vectors(params, layouts, 1)
    size = engine.ROUNDS * engine.BATCH * len(jax.local_devices())
    place = int(np.flatnonzero(table[:, 0] == np.float32(params.chips))[0])
    for count in (1, engine.BATCH + 1, size, size + 300):
        many = np.repeat(table, count, axis=1)
        many[place] += np.arange(count) * 8
        spares = np.asarray(evaluate_points(form, many).site.spares)
        assert spares.shape == (count,)
        assert (np.diff(spares) == 8).all()

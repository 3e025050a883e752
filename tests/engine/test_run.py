"""A short list of layouts against single evaluations."""

import jax
import numpy as np

from perfmodel.engine.run import FEW, evaluate_few, evaluation_structure, flat
from perfmodel.spaces.layouts import Layouts, alone
from perfmodel_kernels.site import SiteParams, evaluate
from tests.kernels.compiling import compiled
from tests.kernels.examples import as_arrays


def test_a_list_longer_than_a_call_gives_each_layout_its_numbers(
    params: SiteParams, layouts: Layouts
) -> None:
    some = layouts.where(np.arange(0, 11 * 37, 37))
    found = evaluate_few(params, some)
    assert len(np.asarray(found.step.mfu)) == 11 > FEW
    for place in (0, 7, 8, 10):
        single = compiled(evaluate)(as_arrays(params), as_arrays(some.row(place)))
        for many, one in zip(jax.tree.leaves(found), jax.tree.leaves(single), strict=True):
            np.testing.assert_allclose(many[place], one, rtol=1e-4)


def test_a_layout_that_does_not_fit_is_evaluated_as_well(
    params: SiteParams, layouts: Layouts
) -> None:
    tight = params._replace(step=params.step._replace(capacity=1e9))
    found = evaluate_few(tight, alone(layouts.row(0)))
    assert not bool(np.asarray(found.step.feasible)[0])
    assert float(np.asarray(found.step.step_time)[0]) > 0.0


def test_the_structure_is_that_of_an_evaluation(params: SiteParams, layouts: Layouts) -> None:
    found = evaluate_few(params, alone(layouts.row(0)))
    assert jax.tree.structure(found) == evaluation_structure()


def test_parameters_come_back_from_one_vector(params: SiteParams) -> None:
    form, vector = flat(params)
    assert form.size == len(vector)
    restored = form.restored(vector)
    for own, back in zip(jax.tree.leaves(params), jax.tree.leaves(restored), strict=True):
        np.testing.assert_allclose(np.asarray(own, np.float32), back)

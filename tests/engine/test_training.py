"""Runs of a budget in single precision, many at once."""

import numpy as np

from perfmodel.engine.training import evaluate_runs
from perfmodel_kernels.training_run import largest_run, sized_run
from tests.kernels.test_training_run import BATCHES, REFIT, SITE

BUDGETS = [SITE._replace(probability=q) for q in (0.9, 0.5, 0.1)]


def test_single_precision_holds_four_digits():
    found = evaluate_runs(BUDGETS, [1e11, 1e12], (REFIT, BATCHES))
    for place, budget in enumerate(BUDGETS):
        best = largest_run(budget, REFIT, BATCHES)._asdict()
        own = sized_run(1e12, budget, REFIT, BATCHES)._asdict()
        for name in best:
            np.testing.assert_allclose(found.best[name][place], best[name], rtol=1e-4)
            np.testing.assert_allclose(found.sized[name][place, 1], own[name], rtol=1e-4)


def test_a_larger_critical_batch_trains_a_larger_model():
    sizes = evaluate_runs(BUDGETS, [1e12], (REFIT, BATCHES)).best["parameters"]
    assert list(sizes) == sorted(sizes, reverse=True)
    assert sizes[0] > 1.2 * sizes[2]

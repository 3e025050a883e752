"""Laws of training runs as the kernels take them."""

import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.scaling import lower_laws
from perfmodel_kernels.training_run import critical_batch, loss


def test_constants_reach_the_fields_of_their_names(library: Library):
    law, batch = lower_laws(library.load("scaling", "chinchilla-refit"))
    assert law == (1.8172, 482.01, 2085.43, 0.3478, 0.3658)
    assert (batch.tokens, batch.exponent, batch.factor) == (15e12, 0.47, 2.0)
    assert float(critical_batch(15e12, batch)) == pytest.approx(60e6)


def test_both_fits_agree_where_both_saw_runs(library: Library):
    """Chinchilla itself: 70B parameters, 1.4T tokens (arXiv 2203.15556)."""
    found = [
        float(loss(70e9, 1.4e12, lower_laws(library.load("scaling", name))[0]))
        for name in ("chinchilla-refit", "chinchilla")
    ]
    assert found[0] == pytest.approx(found[1], rel=0.03)

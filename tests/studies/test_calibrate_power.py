"""Fit of FP64 energies to Linpack systems."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.studies import calibrate_power
from perfmodel.studies.calibrate_power import GENERATIONS, fit_linpack

SHIPPED = Library()


@pytest.fixture(scope="module")
def fitted():
    return fit_linpack(SHIPPED)


def test_every_generation_has_one_energy_that_its_systems_identify(fitted):
    estimates = fitted.fit.estimates
    assert fitted.fit.converged
    assert len(estimates) == len(GENERATIONS)
    assert all(estimate.identified and not estimate.bound for estimate in estimates)
    assert all(0.01 < e.standard_error / e.value < 0.25 for e in estimates)


def test_the_library_holds_the_fitted_values(fitted):
    for name, value in zip(GENERATIONS, fitted.fit.values.values(), strict=True):
        assert SHIPPED.load("chips", name).energy.flop_fp64 == pytest.approx(value, rel=0.01)


def test_the_fit_does_not_start_from_what_it_found_before(fitted):
    priors = [estimate.parameter.prior for estimate in fitted.fit.estimates]
    held = [SHIPPED.load("chips", name).energy.flop_16bit for name in GENERATIONS]
    assert priors == pytest.approx([calibrate_power.RATIO * energy for energy in held])


def test_invented_measurements_give_their_energies_back(monkeypatch):
    systems = calibrate_power._systems(SHIPPED)
    known, _ = calibrate_power._known(systems)
    true = np.array([11e-12, 18e-12, 20e-12, 16e-12])
    predicted = np.exp(np.asarray(calibrate_power.residuals(true, known._replace(measured=1.0))))
    original = calibrate_power._known

    def invented(given):
        found, groups = original(given)
        return found._replace(measured=predicted), groups

    monkeypatch.setattr(calibrate_power, "_known", invented)
    monkeypatch.setattr(calibrate_power, "SPREAD", 5.0)
    found = list(fit_linpack(SHIPPED).fit.values.values())
    assert found == pytest.approx(list(true), rel=0.01)

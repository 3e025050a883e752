"""Fit of energies to Linpack systems and metered training."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.studies import calibrate_power
from perfmodel.studies.calibrate_power import GENERATIONS, fit_energies
from perfmodel.studies.fitting import Data, fit
from perfmodel.studies.training_energies import BEFOREHAND, METERED, SPREADS, metered_runs

pytestmark = pytest.mark.slow

SHIPPED = Library()
FP64 = len(GENERATIONS)


@pytest.fixture(scope="module")
def fitted():
    return fit_energies(SHIPPED)


def test_every_generation_has_one_energy_that_its_systems_identify(fitted):
    estimates = fitted.fit.estimates[:FP64]
    assert fitted.fit.converged
    assert [one.parameter.name.split(".")[0] for one in estimates] == list(GENERATIONS)
    assert all(one.identified and not one.bound for one in estimates)
    assert all(0.01 < one.standard_error / one.value < 0.25 for one in estimates)


def test_the_library_holds_the_fitted_values(fitted):
    for name, one in zip(GENERATIONS, fitted.fit.estimates, strict=False):
        assert SHIPPED.load("chips", name).energy.flop_fp64 == pytest.approx(one.value, rel=0.01)


def test_the_fit_does_not_start_from_what_it_found_before(fitted):
    priors = [one.parameter.prior for one in fitted.fit.estimates]
    held = [SHIPPED.load("chips", name).energy.flop_16bit for name in GENERATIONS]
    assert priors[:FP64] == pytest.approx([calibrate_power.RATIO * energy for energy in held])
    assert priors[FP64 : FP64 + 3] == [BEFOREHAND[METERED][field] for field in SPREADS]


def test_runs_of_one_chip_say_nothing_of_the_others(fitted):
    others = [
        one for one in fitted.fit.estimates[FP64:] if not one.parameter.name.startswith(METERED)
    ]
    assert len(others) == 7
    for one in others:
        assert not one.identified
        assert one.value == pytest.approx(one.parameter.prior, rel=1e-6)
        assert one.standard_error / one.value == pytest.approx(one.parameter.spread, rel=1e-3)


def test_chips_near_their_cap_say_more_of_streams_than_of_products(fitted):
    # power of a product that holds the cap is the cap, whatever its energy
    products, low, streams = fitted.fit.estimates[FP64 : FP64 + 3]
    assert streams.gain > 3.0 * max(products.gain, low.gain)
    assert set(streams.information) >= {"training", "prior"}


def test_only_what_the_rows_say_more_of_than_the_prior_is_written(fitted):
    fields = [edit.field for edit in fitted.edits]
    assert fields == [("energy", "flop_fp64")] * FP64
    assert all("TOP500" in edit.source for edit in fitted.edits)


def test_runs_are_the_metered_ones_whose_job_is_known():
    # kW per node of eight over eight, and the middle of 539-552 W; no fine-tuning, no BERT, no idle
    watts = {round(run.measured, 2): run.at_node for run in metered_runs(SHIPPED)}
    assert watts == {856.25: True, 968.75: True, 545.5: False}


def test_invented_measurements_give_their_energies_back(monkeypatch):
    monkeypatch.setattr(calibrate_power, "SPREAD", 5.0)
    known, groups = calibrate_power._known(calibrate_power._systems(SHIPPED))
    true = np.array([11e-12, 18e-12, 20e-12, 16e-12])
    predicted = np.exp(np.asarray(calibrate_power.residuals(true, known._replace(measured=1.0))))
    parameters = [calibrate_power._parameter(name, SHIPPED) for name in GENERATIONS]
    invented = known._replace(measured=predicted)
    noise, weight = np.full(len(groups), 0.05), np.ones(len(groups))
    found = fit(parameters, Data(calibrate_power.residuals, (invented,), groups, noise, weight))
    assert list(found.values.values()) == pytest.approx(list(true), rel=0.01)

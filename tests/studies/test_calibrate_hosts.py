"""Fit of the nodes of message-passing libraries."""

from typing import Any

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.sources import ESTIMATE
from perfmodel.lowering.published_messages import read_hosts
from perfmodel.studies import calibrate_hosts
from perfmodel.studies.calibrate_hosts import PRIORS, SYSTEMS, fit_hosts
from perfmodel_kernels.message_passing import Host

SHIPPED = Library()


@pytest.fixture(scope="module")
def fitted():
    return fit_hosts(SHIPPED)


def held(name: str) -> float:
    """Value of a parameter in the file that ships."""
    system, *path = name.split(".")
    found: Any = read_hosts(SHIPPED)[system]
    for part in path:
        found = getattr(found, part)
    return found


def test_priors_stand_in_the_order_of_a_node():
    assert tuple(prior.name for prior in PRIORS) == Host._fields


def test_the_library_holds_the_fitted_values(fitted):
    assert fitted.fit.converged
    assert len(fitted.edits) == len(SYSTEMS) * len(PRIORS) + 1
    for name, value in fitted.fit.values.items():
        assert held(name) == pytest.approx(value, rel=2e-3), name


def test_what_the_rows_say_nothing_of_is_written_as_an_estimate(fitted):
    guessed = {
        ".".join(map(str, edit.field)) for edit in fitted.edits if edit.source.startswith(ESTIMATE)
    }
    # rings alone: no message far apart, one under way at a time
    assert {"lumi.apart", "lumi.spread", "lumi.issue"} <= guessed
    assert not any(name.startswith("leonardo.") for name in guessed)
    # nothing is reduced, and one message is under way at a time
    assert {f"leonardo-device.{name}" for name in ("issue", "cached_rate", "cache")} <= guessed


def test_a_card_is_no_faster_than_its_link(fitted):
    # one HDR100 port of 100 Gb/s a rank on Leonardo, Slingshot of 200 Gb/s on LUMI
    values, errors = fitted.fit.values, fitted.fit.estimates
    spread = {one.parameter.name: one.standard_error for one in errors}
    assert values["leonardo.bandwidth"] <= 12.5e9 + spread["leonardo.bandwidth"]
    assert values["lumi.bandwidth"] <= 25e9
    assert values["leonardo-device.bandwidth"] <= 25e9  # two ports of a node


def test_invented_times_give_their_parameters_back(monkeypatch):
    true = {"leonardo.latency": 3e-6, "leonardo.bandwidth": 9e9, "lumi.latency": 6e-6,
            "lumi.bandwidth": 15e9, "leonardo.busy.factor": 3.0}  # fmt: skip
    original = calibrate_hosts._known

    def invented(*given):
        known = original(*given)
        names = [one.name for one in calibrate_hosts._parameters(given[1])]
        values = np.array([true.get(name, held(name)) for name in names])
        logs = calibrate_hosts.residuals(values, known._replace(measured=1.0))
        return known._replace(measured=np.exp(np.asarray(logs)))

    monkeypatch.setattr(calibrate_hosts, "_known", invented)
    wide = [prior._replace(spread=4.0) for prior in PRIORS]
    monkeypatch.setattr(calibrate_hosts, "PRIORS", wide)
    found = fit_hosts(SHIPPED).fit.values
    assert {name: found[name] for name in true} == pytest.approx(true, rel=0.05)

"""What oversubscription, cards and the scale-up domain do to a site."""

from itertools import pairwise

import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.fabric import lower_network
from perfmodel.studies.compare import AXES as LAYOUT_AXES
from perfmodel.studies.network_sensitivity import AXES, STEPS, network_sensitivity, told


@pytest.fixture(scope="module")
def scenario():
    return Library().scenario("ai-factory", "llama3-405b")


@pytest.fixture(scope="module")
def rows(scenario):
    counted = []
    found = network_sensitivity("ai-factory", scenario, LAYOUT_AXES, counted.append)
    assert sum(counted) == STEPS
    return found


def _line(rows, axis):
    return [row for row in rows if row["axis"] == axis]


def test_every_axis_changes_the_network_that_the_kernels_see(scenario):
    before = lower_network(scenario.machine)
    tapered, hashed, failing, injected, joined = (
        axis.change(scenario, axis.values[-1]) for axis in AXES
    )
    assert (lower_network(hashed.machine).share[1, 2:4] < 0.8).all()
    assert (lower_network(failing.machine).share[1, 2:4] < 0.985).all()
    assert lower_network(tapered.machine).bandwidth[-1] == pytest.approx(before.bandwidth[-1] / 7)
    assert lower_network(injected.machine).bandwidth[1] == pytest.approx(4 * before.bandwidth[1])
    assert lower_network(joined.machine).domain[0] == 576


def test_the_site_as_configured_is_marked_once(rows):
    for axis in AXES:
        assert [row["own"] for row in _line(rows, axis.name)].count(True) == 1


def test_faster_cards_and_larger_domains_never_cost_throughput(rows):
    for name in ("network card", "scale-up domain"):
        rates = [row["tokens_per_s"] for row in _line(rows, name)]
        assert all(later >= 0.99 * sooner for sooner, later in pairwise(rates))


@pytest.mark.parametrize("name", ["oversubscription", "load balancing", "failed links"])
def test_a_taper_collisions_and_failures_never_gain(rows, name):
    rates = [row["tokens_per_s"] for row in _line(rows, name)]
    assert max(rates) <= 1.001 * rates[0]
    assert rates[-1] < rates[0]


def test_the_sentence_tells_each_axis(rows):
    text = told(rows)
    assert "ai-factory" in text
    assert all(axis.name in text for axis in AXES)

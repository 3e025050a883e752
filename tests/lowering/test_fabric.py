"""Scale-up domain, cards and fabric to levels."""

import numpy as np
import pytest

from perfmodel.lowering.fabric import (
    LEVELS,
    UNLIMITED,
    lower_network,
)
from perfmodel.lowering.stack import lower_library
from perfmodel_kernels.collectives import gather_time
from perfmodel_kernels.extremes import expected_maximum
from perfmodel_kernels.topology import NEIGHBOUR, PERMUTATION, Groups


def changed(scenario, position=1, **fields):
    """A machine of whose fabric levels one has other fields."""
    levels = list(scenario.machine.fabric.level)
    levels[position] = levels[position].model_copy(update=fields)
    fabric = scenario.machine.fabric.model_copy(update={"level": tuple(levels)})
    return scenario.machine.model_copy(update={"fabric": fabric})


def test_the_scale_up_domain_comes_first(dense):
    network, chip = lower_network(dense.machine), dense.machine.chip
    assert network.domain[0] == 8
    assert network.bandwidth[0] == chip.scaleup.bandwidth * chip.efficiency.scaleup
    assert network.latency[0] == chip.scaleup.latency


def test_cards_inject_what_long_messages_sustain(dense):
    network, machine = lower_network(dense.machine), dense.machine
    assert network.bandwidth[1] == pytest.approx(50e9 * machine.fabric.link_fraction)


def test_every_network_has_the_same_number_of_levels_and_no_end(library):
    for site in library.names("sites"):
        network = lower_network(library.machine(site))
        assert {np.shape(part)[-1] for part in network[:-1]} == {LEVELS}, site
        assert np.all(network.share <= 1.0), site
        assert np.all(network.share > 0.0), site
        assert np.all(np.diff(network.domain) >= 0), site
        assert np.all(network.bandwidth > 0), site
        assert np.all(network.latency > 0), site
        outside = network.bandwidth[network.scaleup < 0.5]
        assert np.all(np.diff(outside) <= 0), site


def test_a_level_without_end_joins_more_chips_than_any_site(library):
    largest = max(library.machine(site).chips for site in library.names("sites"))
    assert 100 * largest < UNLIMITED


def test_oversubscription_divides_the_bandwidth_of_its_level(dense):
    plain, tapered = lower_network(dense.machine), lower_network(changed(dense, oversubscription=7))
    assert tapered.bandwidth[2] == pytest.approx(plain.bandwidth[2] / 7)
    assert tapered.bandwidth[1] == plain.bandwidth[1]


ECMP_16K = {1: 0.4102, 4: 0.7163, 16: 0.9137, 32: 0.9602}
"""Mean rate of a permutation of 16,384 hosts over line rate by sub-flows, fluid simulation."""

SLOWEST = {1: 0.1417, 4: 0.3893, 16: 0.7245, 32: 0.8276}
"""Slowest flow when every host sends to the same place of the next pod, same simulation."""


@pytest.mark.parametrize(("sub_flows", "rate"), ECMP_16K.items())
def test_hashed_flows_collide_as_in_the_simulation(dense, sub_flows, rate):
    hashed = lower_network(changed(dense, 2, load_balancing="ecmp", sub_flows=sub_flows))
    # no pair of the table stays in its pod, where one in sixteen of the simulation does
    assert hashed.share[PERMUTATION, 3] == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize(("sub_flows", "rate"), SLOWEST.items())
def test_the_spread_of_hashed_flows_tells_the_slowest_of_16384(dense, sub_flows, rate):
    hashed = lower_network(changed(dense, 2, load_balancing="ecmp", sub_flows=sub_flows))
    late = 1.0 + hashed.spread[NEIGHBOUR, 3] * float(expected_maximum(16384.0))
    assert hashed.share[NEIGHBOUR, 3] / late == pytest.approx(rate, rel=0.15)


@pytest.mark.parametrize("site", ["lumi", "jupiter", "gigafactory-mi355x"])
def test_two_chips_of_a_mesh_have_one_link_between_them(library, site):
    machine = library.machine(site)
    pair = Groups(np.array([2.0]), np.array([1.0]))
    library_of = lower_library(library.scenario(site, "llama3-8b").stack.collectives)
    taken = float(gather_time(np.array([1e9]), pair, lower_network(machine), library_of)[0])
    assert machine.chip.scaleup.pair_bandwidth < machine.chip.scaleup.bandwidth
    assert taken >= 0.5e9 / machine.chip.scaleup.pair_bandwidth


def test_more_sub_flows_never_collide_more_and_adaptive_routing_never(dense):
    rates = [
        lower_network(changed(dense, load_balancing="ecmp", sub_flows=count)).share[:, 2]
        for count in (1, 2, 3, 4, 6, 8, 16, 32, 64)
    ]
    adaptive = lower_network(changed(dense, load_balancing="adaptive")).share[:, 2]
    static = lower_network(changed(dense, load_balancing="static")).share[:, 2]
    assert np.all(np.diff(rates, axis=0) >= 0)
    assert np.all(static == rates[0])
    assert np.all(rates[0] < rates[-1])
    assert np.all(rates[-1] < adaptive)


def test_a_torus_has_a_level_per_axis_and_a_mesh_one(library):
    torus = lower_network(library.machine(next(s for s in library.names("sites") if "v5p" in s)))
    assert list(torus.domain[:3]) == [16.0, 320.0, 8960.0]
    assert list(torus.scaleup) == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert lower_network(library.machine("lumi")).scaleup.sum() == 1.0


def test_one_choice_of_paths_collides_less_than_two(dense):
    two = lower_network(changed(dense, 2, load_balancing="ecmp")).share[:, 3]
    one = lower_network(changed(dense, 1, load_balancing="ecmp")).share[:, 2]
    assert np.all(one > two + 0.05)


def test_a_fabric_without_instances_takes_the_general_rates(dense):
    tapered = changed(dense, 2, load_balancing="ecmp", sub_flows=4, oversubscription=1.5)
    assert lower_network(tapered).share[PERMUTATION, 3] == pytest.approx(0.7163)
    worn = tapered.model_copy(
        update={"fabric": tapered.fabric.model_copy(update={"failed_links": 0.01})}
    )
    assert lower_network(worn).share[PERMUTATION, 3] == pytest.approx(0.7163 * 0.98)

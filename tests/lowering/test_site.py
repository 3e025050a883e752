"""A scenario to everything that one evaluation takes."""

import jax
import numpy as np
import pytest

from perfmodel.lowering.fabric_power import fabric_power
from perfmodel.lowering.site import lower_facility, lower_node, lower_site


def test_host_power_is_shared_by_the_chips_of_a_node(dense):
    node = dense.machine.node
    parts = node.cpu_power + node.dram_power + node.switch_power + node.other_power
    total = parts + node.nics * node.nic_power
    assert lower_node(node).host * node.chips == pytest.approx(total)


def test_a_node_at_full_load_draws_no_more_than_it_is_rated(library):
    for site in library.names("sites"):
        machine = library.machine(site)
        node, chip = lower_node(machine.node), machine.chip
        at_cap = (chip.power.cap + node.host) * (1 + node.fan_fraction) * machine.node.chips
        assert at_cap <= node.rated, site


def test_temperatures_are_absolute(dense):
    facility = lower_facility(dense.machine.facility, dense.machine.node)
    assert 250 < facility.outside_temperature < facility.approach_temperature < 330
    assert facility.outside_swing < 20


def test_a_site_keeps_its_chips_network_and_storage(dense):
    site = lower_site(dense)
    machine = dense.machine
    assert site.chips == 100_000
    assert site.node.chips == machine.node.chips == 8
    assert site.network == fabric_power(machine, 100_000)
    assert site.storage_fraction == machine.facility.storage_fraction


def test_fewer_chips_have_a_network_of_their_own(dense):
    few = lower_site(dense, 512)
    assert few.chips == 512
    assert few.network == fabric_power(dense.machine, 512) < lower_site(dense).network


def test_a_byte_on_the_links_passes_memory_too(dense):
    site, energy = lower_site(dense), dense.machine.chip.energy
    assert site.step.link_energy > energy.link_byte + energy.hbm_byte


def test_capacity_is_what_the_chip_has(dense):
    assert lower_site(dense).step.capacity == dense.machine.chip.memory.capacity > 80e9


def test_windows_end_with_the_sequence(dense):
    assert lower_site(dense).step.model.window == dense.workload.sequence_length == 8192


def test_overrides_reach_the_numbers(library):
    overrides = ["chip.power.tdp=500 W", "chip.memory.bandwidth=4 TB/s", "site.chips=20000"]
    scenario = library.scenario("gigafactory-h100", "llama3-405b", overrides=overrides)
    site = lower_site(scenario)
    assert site.step.power.cap == 500
    assert site.step.chip.hbm == 4e12 * scenario.machine.chip.efficiency.hbm
    assert site.chips == 20_000


def test_every_site_and_job_lowers_to_finite_scalars_of_one_shape(library):
    shapes = set()
    for site in library.names("sites"):
        for job in library.names("workloads"):
            leaves = jax.tree.leaves(lower_site(library.scenario(site, job)))
            assert all(np.all(np.isfinite(leaf)) for leaf in leaves), (site, job)
            shapes.add(tuple(np.shape(leaf) for leaf in leaves))
    assert len(shapes) == 1  # one compiled program serves them all

"""Whole switches and optics of a fabric, and their power, for few and many chips."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel.config.library import Library
from perfmodel.lowering.fabric_power import fabric_boxes, fabric_power

DATA_SHEET = 1610.0
"""What the submitter of MLPerf v4.0 counts for a switch: 37 and 10 of it are its two totals. [W]"""


@pytest.fixture(scope="module")
def machines():
    library = Library()
    return {name: library.machine(name) for name in library.names("sites")}


def test_a_fat_tree_of_k_ports_needs_five_quarters_of_its_square(machines):
    # Al-Fares et al., SIGCOMM 2008: k^3/4 hosts, 5 k^2/4 switches; 64-port switches, three tiers
    boxes = fabric_boxes(machines["ai-factory"], 64**3 / 4)
    assert boxes.switches == 5 * 64**2 / 4
    assert boxes.optics == 2 * 3 * 64**3 / 4


def test_a_rail_fabric_of_64_nodes_has_16_leaves_and_8_spines(machines):
    # 8 rails of 64 nodes, 32 nodes a leaf; 512 links up to switches of 64 ports
    boxes = fabric_boxes(machines["mlperf-h100-immersion"], 512)
    assert boxes == (16 + 8, 2 * 2 * 512)


def test_eight_nodes_have_a_leaf_for_each_rail_and_no_spine(machines):
    assert fabric_boxes(machines["mlperf-h100-immersion"], 64) == (8, 2 * 64)


def test_one_node_needs_no_fabric(machines):
    for machine in machines.values():
        assert fabric_power(machine, machine.node.chips) == 0.0


def test_three_tiers_are_built_only_for_what_two_do_not_hold(machines):
    machine = machines["ai-factory"]
    assert fabric_boxes(machine, 8192).switches == 3 * 8192 // 64
    assert fabric_boxes(machine, 8448).switches == pytest.approx(5 * 8448 / 64, abs=1)


def test_levels_that_do_not_say_where_they_end_keep_every_tier(machines):
    machine = machines["p5-cluster"]
    assert [level.chips for level in machine.fabric.level] == [32, "unlimited"]
    lanes = machine.node.nic_bandwidth / machine.fabric.switch.port_bandwidth
    switches = fabric_boxes(machine, 20_000).switches
    assert switches == pytest.approx(5 * lanes * 20_000 / machine.fabric.switch.ports, abs=3)


def test_whole_boxes_weigh_little_on_a_site_of_100_000_chips(machines):
    # five ports for each chip of a folded Clos of three tiers
    for name in ("gigafactory-h100", "gigafactory-gb200"):
        switches = fabric_boxes(machines[name], machines[name].chips).switches
        assert switches == pytest.approx(5 * machines[name].chips / 64, rel=1e-3)


def test_the_network_of_a_chip_draws_what_site_reports_say(machines):
    # 116-252 W per chip for the switches and optics of a site of 100,000 H100
    for site in ("gigafactory-h100", "colossus"):
        machine = machines[site]
        assert 0.5 * 116 <= fabric_power(machine, machine.chips) <= 252, site


@pytest.mark.parametrize(("chips", "published"), [(512, 59_570.0), (64, 16_100.0)])
def test_the_submitters_estimate_is_of_more_switches_at_more_than_they_draw(
    machines, chips, published
):
    # mlcommons/training_results_v4.0 smc-ac-power, interconnect_power_est of 64 and of 8 nodes
    assert published % DATA_SHEET == 0.0
    counted, own = published / DATA_SHEET, fabric_boxes(machines["mlperf-h100-immersion"], chips)
    assert 0.6 * counted <= own.switches < counted
    assert 0.4 * published <= chips * fabric_power(machines["mlperf-h100-immersion"], chips)
    assert chips * fabric_power(machines["mlperf-h100-immersion"], chips) < published


@settings(max_examples=40, deadline=None)
@given(chips=st.integers(9, 200_000), more=st.integers(1, 1000))
def test_more_chips_never_take_fewer_boxes(chips, more):
    machine = Library().machine("gigafactory-h100")
    few, many = fabric_boxes(machine, chips), fabric_boxes(machine, chips + more)
    assert few.switches <= many.switches
    assert few.optics <= many.optics

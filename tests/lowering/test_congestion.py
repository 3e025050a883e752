"""The table of congestion: what it names, and what lies between its instances."""

import pytest

from perfmodel.lowering.congestion import Share, interpolated, shape_of, shipped_table
from perfmodel.lowering.fabric import lower_network

POINTS = {
    (1.0, 0.0): Share(0.4, 0.2),
    (4.0, 0.0): Share(0.8, 0.4),
    (4.0, 0.1): Share(0.6, 0.2),
}


def test_a_solved_instance_is_returned_as_it_is():
    for at, share in POINTS.items():
        assert interpolated(POINTS, *at) == pytest.approx(share)


def test_sub_flows_lie_between_on_a_logarithmic_scale_and_failures_on_a_linear_one():
    assert interpolated(POINTS, 2.0, 0.0).mean == pytest.approx(0.6)
    assert interpolated(POINTS, 4.0, 0.05).mean == pytest.approx(0.7)
    assert interpolated(POINTS, 2.0, 0.1).mean == pytest.approx(0.6 * 0.75)


def test_beyond_the_last_instance_the_last_counts():
    assert interpolated(POINTS, 64.0, 0.5) == pytest.approx(POINTS[4.0, 0.1])


def test_load_balancing_and_wear_leave_the_shape_of_a_fabric_alone(library):
    machine = library.machine("gigafactory")
    worn = library.machine(
        "gigafactory", ["fabric.failed_links=0.01", "fabric.level.core.load_balancing=ecmp"]
    )
    tapered = library.machine("gigafactory", ["fabric.level.core.oversubscription=2"])
    assert shape_of(machine) == shape_of(worn)
    assert shape_of(machine) != shape_of(tapered)


def test_every_shipped_machine_has_its_instances(library):
    names = shipped_table()
    for site in library.names("sites"):
        for machine in library.machines(site):
            if len(machine.fabric.level) > 1:
                assert shape_of(machine) in names, site


@pytest.mark.parametrize("site", ["gigafactory", "ai-factory", "jupiter", "meta-24k-roce"])
def test_failed_links_take_bandwidth_and_a_sound_fabric_none(library, site):
    sound = lower_network(library.machine(site))
    worn = lower_network(library.machine(site, ["fabric.failed_links=0.01"]))
    more = lower_network(library.machine(site, ["fabric.failed_links=0.05"]))
    outside = (sound.scaleup < 0.5) & (sound.domain > sound.domain[1])
    assert (worn.share[1][outside] < sound.share[1][outside]).all()
    assert (more.share[1][outside] < worn.share[1][outside]).all()

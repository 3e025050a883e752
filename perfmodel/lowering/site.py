"""A scenario to everything that one evaluation takes."""

from perfmodel.config.schema.node import Node
from perfmodel.config.schema.scenario import Machine, Scenario
from perfmodel.config.schema.site import Facility as FacilityConfig
from perfmodel.lowering.chip import lower_chip, lower_power
from perfmodel.lowering.fabric import lower_network
from perfmodel.lowering.fabric_power import fabric_power
from perfmodel.lowering.model import lower_model
from perfmodel.lowering.precision import format_on
from perfmodel.lowering.stack import lower_library, lower_stack
from perfmodel.lowering.workload import lower_workload
from perfmodel_kernels.building import Facility, NodePower
from perfmodel_kernels.site import SiteParams
from perfmodel_kernels.step_parts import Host, StepParams

COPIES = 3.0
"""Trips through HBM of a byte that a collective moves: read, reduced with its peer, written."""


def lower_node(node: Node) -> NodePower:
    """A node around its chips.

    Parameters
    ----------
    node
        The config.

    Returns
    -------
    NodePower
        SI numbers, host power per chip.
    """
    host = (
        node.cpu_power
        + node.dram_power
        + node.switch_power
        + node.other_power
        + node.nics * node.nic_power
    )
    return NodePower(
        chips=float(node.chips),
        host=host / node.chips,
        fan_fraction=node.fan_fraction,
        supply_rating=node.supply.rated,
        efficiency_20=node.supply.at_20_percent,
        efficiency_50=node.supply.at_50_percent,
        efficiency_100=node.supply.at_100_percent,
        rated=node.rated_power,
    )


def lower_facility(facility: FacilityConfig, node: Node) -> Facility:
    """The building.

    Parameters
    ----------
    facility
        The config.
    node
        What its liquid and its air carry away.

    Returns
    -------
    Facility
        SI numbers.
    """
    return Facility(
        distribution=facility.distribution_loss,
        liquid_share=node.liquid_share,
        pumps=facility.pump_fraction,
        air_handlers=facility.air_handler_fraction,
        approach_temperature=facility.approach_temperature,
        air_approach_temperature=facility.air_approach_temperature,
        outside_temperature=facility.outside_temperature,
        outside_swing=facility.outside_swing,
        chiller_performance=facility.chiller_performance,
    )


def lower_step(scenario: Scenario) -> StepParams:
    """Machine, model, workload and software of one step.

    Parameters
    ----------
    scenario
        The config.

    Returns
    -------
    StepParams
        SI numbers on the host, in double precision.
    """
    machine, stack, workload = scenario.machine, scenario.stack, scenario.workload
    number_format = format_on(machine.chip, workload)
    return StepParams(
        model=lower_model(scenario.model, workload),
        workload=lower_workload(workload, stack, number_format),
        chip=lower_chip(machine.chip, stack, number_format),
        power=lower_power(machine.chip),
        capacity=machine.chip.memory.capacity,
        link_energy=machine.chip.energy.link_byte + COPIES * machine.chip.energy.hbm_byte,
        host=Host(
            link=machine.node.host_link,
            memory=machine.node.host_memory_bandwidth / machine.node.chips,
        ),
        network=lower_network(machine),
        library=lower_library(stack.collectives),
        stack=lower_stack(stack, number_format, workload),
    )


def lower_site(scenario: Scenario, chips: int | None = None) -> SiteParams:
    """Everything that one evaluation takes but the layout.

    Parameters
    ----------
    scenario
        The config.
    chips
        Chips of the machine and its network; its own number when not given.

    Returns
    -------
    SiteParams
        SI numbers on the host, in double precision.
    """
    machine: Machine = scenario.machine
    chips = chips or machine.chips
    return SiteParams(
        step=lower_step(scenario),
        chips=1.0 * chips,
        node=lower_node(machine.node),
        network=fabric_power(machine, chips),
        storage_fraction=machine.facility.storage_fraction,
        facility=lower_facility(machine.facility, machine.node),
    )

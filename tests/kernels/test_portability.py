"""Every kernel lowers for CPU, CUDA, TPU and ROCm in single precision, without calls outside."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perfmodel_kernels import (
    building,
    checkpoints,
    collectives,
    drain,
    economics,
    exchange,
    exposure,
    extremes,
    failure_run,
    fairness,
    fixed_point,
    flow_lists,
    flows,
    in_flight,
    job_goodput,
    layout,
    level_methods,
    linpack,
    max_plus,
    memory,
    message_methods,
    message_passing,
    operators,
    parameters,
    placement,
    power,
    recovery,
    reliability,
    roofline,
    schedule,
    schedule_orders,
    site,
    stage_orders,
    step,
    step_energy,
    step_parts,
    step_timeline,
    timeline,
    topology,
    traffic,
    training_run,
    transformer,
    volume,
)
from tests.kernels.examples import (
    CHIP,
    EXPERTS,
    FACILITY,
    LAYOUT,
    LIBRARY,
    LINKS,
    NETWORK,
    NODE,
    POWER,
    SITE,
    STACK,
    STEP,
    share_of,
)

PLATFORMS = ("cpu", "cuda", "tpu", "rocm")
OUTSIDE = ("custom_call", "callback", "infeed", "outfeed", "send_done", "recv_done")
"""What would tie a program to one platform or to the host."""

SHARE = share_of(LAYOUT, 2048.0)
SHAPE = roofline.Shape(*(np.ones((17, 3)) for _ in roofline.Shape._fields))
UNITS = roofline.MatrixUnits(np.ones((17, 3)), np.ones((17, 3)), 128.0, 128.0, 1e-6)
GROUPS = topology.Groups(np.ones(6), np.ones(6))
REACH = jax.eval_shape(topology.lay, GROUPS, NETWORK)
UNITS_BY_LEVEL = np.ones((6, 5))
METHOD_OF = level_methods.Method(np.ones((6, 5)), np.ones((6, 5)), 0.5, 0.0)
COSTS = jax.eval_shape(collectives.costs_of, [METHOD_OF], NETWORK)
GROUP = topology.Groups(np.ones(1), np.ones(1))
WORK = power.Work(*(np.ones(3) for _ in power.Work._fields))
PACE = power.Pace(np.ones(3), np.ones(3))
LINPACK = linpack.Linpack(5e13, 13e-12, 35e-12, 96e9, 25e9, 0.6, POWER)
PIPELINE = schedule.Pipeline(8.0, 2.0, 16.0, 0.0)
PASSES = schedule.Passes(*(np.ones(3) for _ in schedule.Passes._fields))
ORDERS = schedule_orders.order_tables(schedule.DUALPIPE, 4, 1, 8)
PARTS = max_plus.PartTimes(*(np.ones(4) for _ in max_plus.PartTimes._fields))
SENDS = max_plus.Sends(np.ones(4), 0.5)
PHASES = timeline.PhaseTimes(np.ones((9, 4)), np.ones((9, 4)), np.ones(4), np.ones(4))
TAIL = timeline.Tail(np.ones(4), 1.0, np.ones(4), 1.0)
PLACEMENT = jax.eval_shape(placement.place, EXPERTS, LAYOUT, 2048.0)
HELD = (STACK.reserve, STACK.kernels, STACK.kept)
PAYLOADS = traffic.Payloads(np.ones(8), 1.0, 1.0, exchange.Routing(1.0, 1.0, 1.0), *([1.0] * 3))
TRAFFIC = jax.eval_shape(traffic.step_traffic, PAYLOADS, LAYOUT, NETWORK, LIBRARY)
TIMES = jax.eval_shape(operators.block_times, PLACEMENT, CHIP, STACK.kernels, POWER, LINKS)
WINDOW = exposure.Window(1.0, 2.0, 12.0, 0.1, 0.1, 0.2)
HOST = message_passing.Host(*([1.0] * 11))
MESSAGES = message_methods.RING_ALL_REDUCE
FLOWS = flows.Flows(np.ones(3), np.zeros((8, 2), np.int32), np.ones(8), np.ones(8))
FLOW_IDS = flow_lists.Listed(np.zeros(12, np.int32), np.int32(8))
FAILURES = reliability.Failures(np.ones(18), np.ones(18))
SLOW = reliability.SlowNodes(1.0, 1.0, 1.3)
SAVING = checkpoints.Saving(1.0, 1.0, 0.1, 1.0)
STOP = checkpoints.Interruption(1.0, 1.0)
RUN = failure_run.Run(1.0, 1.0, SAVING, STOP, 1.0)
BLOCKS = np.zeros(3, np.int32)
RESTART = recovery.Restart(*([1.0] * 5))
LAW = training_run.LossLaw(1.8, 482.0, 2085.0, 0.35, 0.37)
BATCHES = training_run.BatchLaw(60e6, 15e12, 0.47, 2.0)
METHOD = message_passing.Method(*([1.0] * message_passing.QUANTITIES))
KERNELS: dict[Callable, tuple] = {
    message_passing.count_bases: (8.0,),
    message_passing.method_of: (MESSAGES, 8.0),
    message_passing.waiting_steps: (1e6, METHOD, HOST),
    message_passing.memory_time: (1e6, METHOD, HOST),
    message_passing.message_passing_time: (
        1e6,
        message_passing.Ranks(8.0, 1.0),
        MESSAGES,
        HOST,
    ),
    roofline.tile_quantisation: (SHAPE, UNITS),
    roofline.half_depth: (UNITS,),
    roofline.gemm_compute_time: (SHAPE, UNITS),
    roofline.gemm_bytes: (SHAPE, np.ones((17, 3))),
    roofline.attention_share: (roofline.Span(4096.0, 128.0), roofline.Span(600.0, 50.0)),
    transformer.gemm_widths: (EXPERTS,),
    transformer.gemm_shapes: (EXPERTS, SHARE),
    transformer.tensor_splits: (8.0, 2.0),
    transformer.repeated_keys: (EXPERTS, 128.0),
    transformer.mean_keys: (EXPERTS, 4096.0),
    transformer.attention_flop: (EXPERTS, SHARE),
    transformer.elementwise_bytes: (EXPERTS, SHARE),
    parameters.block_parameters: (EXPERTS, 4.0, 8.0, 2.0),
    parameters.convention_flop_per_token: (
        EXPERTS,
        4096.0,
        parameters.Convention(0.5, 1.0, 0.0, 3.0),
    ),
    parameters.model_blocks: (EXPERTS,),
    parameters.parameter_count: (EXPERTS,),
    parameters.active_parameter_count: (EXPERTS,),
    parameters.model_flop_per_token: (EXPERTS, 4096.0),
    layout.chips_used: (LAYOUT,),
    layout.shard_ranks: (LAYOUT,),
    layout.model_chips: (LAYOUT,),
    layout.elastic_chips: (LAYOUT,),
    placement.place: (EXPERTS, LAYOUT, 4096.0),
    placement.stage_blocks: (EXPERTS, LAYOUT),
    placement.stage_counts: (8.0,),
    placement.present_stages: (np.ones(3), 8.0),
    placement.one_hot_of_largest: (np.ones(3), 8.0),
    placement.mean_over_stages: (PLACEMENT,),
    placement.held_parameters: (
        jax.eval_shape(parameters.block_parameters, EXPERTS, 4.0, 8.0, 2.0),
        PLACEMENT.blocks,
        LAYOUT,
    ),
    placement.sharded: (PLACEMENT.held, 1.0, 1.0),
    memory.layer_activation_bytes: (EXPERTS, SHARE, 0.0, STACK.kernels, STACK.kept),
    memory.kept_bytes: (LAYOUT, np.ones(2), np.ones(2)),
    memory.memory_by_stage: (PLACEMENT, STEP.workload.widths, *HELD),
    memory.memory_split: (PLACEMENT, STEP.workload.widths, *HELD),
    memory.copied_activation_bytes: (EXPERTS, SHARE, 0.0),
    memory.buffer_bytes: (PLACEMENT, 2.0, STACK.reserve),
    topology.ranks_within: (GROUPS, NETWORK),
    topology.ranks_below: (np.ones((6, 5)),),
    topology.axis_ways: (np.ones((6, 5)), NETWORK),
    topology.lay: (GROUPS, NETWORK),
    level_methods.single_units: (UNITS_BY_LEVEL, REACH, NETWORK),
    collectives.costs_of: ([METHOD_OF], NETWORK),
    collectives.faster: (np.ones(6), np.ones(6)),
    level_methods.channel_units: (UNITS_BY_LEVEL, REACH, 4e11),
    level_methods.domain_ranks: (REACH,),
    level_methods.tree_shares: (REACH,),
    level_methods.used_levels: (REACH,),
    level_methods.ring_hops: (REACH,),
    level_methods.doubling_steps: (REACH,),
    level_methods.rail_steps: (REACH,),
    level_methods.ring_gather: (REACH, UNITS_BY_LEVEL),
    level_methods.recursive_gather: (REACH, UNITS_BY_LEVEL),
    level_methods.rail_gather: (REACH, UNITS_BY_LEVEL, 0.9),
    level_methods.tree_reduce: (REACH, UNITS_BY_LEVEL, 0.9),
    level_methods.in_network_reduce: (REACH, UNITS_BY_LEVEL, NETWORK, 2e6),
    collectives.collectives_of: (REACH, NETWORK, LIBRARY),
    collectives.collective_costs: (GROUPS, NETWORK, LIBRARY),
    collectives.times_of: (np.ones(6), COSTS),
    collectives.gather_times: (np.ones(6), GROUPS, NETWORK, LIBRARY),
    collectives.all_reduce_times: (np.ones(6), GROUPS, NETWORK, LIBRARY),
    collectives.gather_time: (np.ones(6), GROUPS, NETWORK, LIBRARY),
    collectives.all_reduce_time: (np.ones(6), GROUPS, NETWORK, LIBRARY),
    level_methods.gather_sent_shares: (REACH,),
    collectives.gather_sent: (np.ones(6), GROUPS, NETWORK),
    exchange.uniform_loads: (REACH, NETWORK),
    exchange.issue_time: (REACH, LIBRARY),
    exchange.pairwise_exchange: (REACH, UNITS_BY_LEVEL),
    exchange.bruck_exchange: (REACH, UNITS_BY_LEVEL),
    exchange.direct_exchange: (REACH, UNITS_BY_LEVEL),
    exchange.forwarded_exchange: (REACH, UNITS_BY_LEVEL, 0.9),
    exchange.all_to_all_times: (np.ones(6), GROUPS, NETWORK, LIBRARY),
    exchange.distinct_units: (8.0, np.ones(5), np.ones(5)),
    exchange.expert_exchange_traffic: (
        512.0,
        exchange.Routing(8.0, 4.0, 1.0),
        jax.eval_shape(topology.lay, GROUP, NETWORK),
        NETWORK,
    ),
    exchange.exchange_costs: (
        np.ones(5),
        jax.eval_shape(topology.lay, GROUP, NETWORK),
        NETWORK,
        LIBRARY,
    ),
    exchange.uniform_exchange_costs: (REACH, NETWORK, LIBRARY),
    exchange.exchange_time: (np.ones(5), GROUP, NETWORK, LIBRARY),
    collectives.send_time: (1e6, 64.0, NETWORK),
    traffic.step_groups: (LAYOUT,),
    traffic.step_traffic: (PAYLOADS, LAYOUT, NETWORK, LIBRARY),
    schedule.layout_pipeline: (LAYOUT,),
    schedule.bubble_time: (np.ones(3), PIPELINE),
    schedule.send_exposure: (1e-3, 0.5, PIPELINE),
    schedule.on_chips: (np.ones(3), PIPELINE),
    schedule.period_on_chips: (PASSES, PIPELINE),
    schedule.idle_time: (PASSES, PIPELINE),
    in_flight.activations_in_flight: (np.ones(3), PIPELINE),
    in_flight.parameter_copies: (schedule.DUALPIPE,),
    max_plus.operation_times: (PARTS, SENDS, ORDERS),
    max_plus.pipeline_time: (PARTS, SENDS, ORDERS),
    timeline.timeline: (PHASES, SENDS, TAIL, ORDERS),
    extremes.expected_maximum: (1000.0,),
    schedule.straggler_fraction: (1000.0, 16.0, STACK.spread),
    power.voltage: (np.ones(3), POWER),
    power.phase_power: (np.ones(3), WORK, POWER),
    power.clock_under_cap: (WORK, POWER),
    power.phase_rate: (np.ones(3), WORK),
    power.accelerator_cap: (POWER,),
    power.pace_under_cap: (WORK, POWER),
    power.phase_energy: (PACE, np.ones(3), WORK, POWER),
    power.waiting_power: (PACE, POWER),
    building.supply_efficiency: (0.5, NODE),
    building.node_power: (500.0, NODE),
    building.chiller_share: (300.0, FACILITY),
    building.cooling_fraction: (FACILITY,),
    building.overhead: (FACILITY,),
    building.in_month: (3.0, FACILITY),
    building.in_hottest_hours: (FACILITY,),
    linpack.exposed_ratio: (5e13, LINPACK),
    linpack.linpack_metrics: (LINPACK,),
    operators.block_times: (PLACEMENT, CHIP, STACK.kernels, POWER, LINKS),
    exposure.card_times: (EXPERTS, LAYOUT, TRAFFIC),
    exposure.context_rounds: (LAYOUT,),
    exposure.tensor_calls: (EXPERTS,),
    exposure.pass_times: (PLACEMENT, TIMES, TRAFFIC, STACK.overlap, 1.0),
    exposure.data_exposure: (LAYOUT, TRAFFIC, WINDOW, STACK.overlap),
    volume.step_volume: (PLACEMENT, TRAFFIC),
    step_parts.step_parts: (STEP, LAYOUT),
    step_parts.stage_times: (jax.eval_shape(step_parts.step_parts, STEP, LAYOUT), STACK.overlap),
    step_energy.step_energy: (
        TIMES,
        step_energy.Spent(*([1.0] * 4)),
        jax.eval_shape(volume.step_volume, PLACEMENT, TRAFFIC),
        LINKS,
    ),
    step.update_time: (STEP, PLACEMENT),
    step.training_step: (STEP, LAYOUT),
    site.site_power: (500.0, 1000.0, SITE),
    site.provisioned_power: (SITE,),
    site.evaluate: (SITE, LAYOUT),
    fixed_point.unit_of: (np.ones(3),),
    fixed_point.to_words: (np.ones(3), np.ones(3)),
    fixed_point.from_words: (
        fixed_point.Words(np.zeros(3, np.int32), np.zeros(3, np.int32)),
        np.ones(3),
    ),
    flow_lists.append: (FLOW_IDS, np.zeros(4, np.int32), np.zeros(4, np.int32)),
    flows.max_min_rates: (FLOWS,),
    flows.outcome_of: (FLOWS, 1.0),
    fairness.verify: (FLOWS, np.ones(8), 1e-5),
    drain.drain: (FLOWS, np.ones(8), 0.1),
    reliability.interrupt_rate: (1e5, FAILURES),
    reliability.mean_time_to_interrupt: (1e5, FAILURES),
    reliability.chips_lost: (64.0, FAILURES),
    reliability.chips_in_repair: (1e5, 1.0, FAILURES),
    reliability.poisson_quantile: (47.0, 0.99),
    reliability.spare_shortage: (47.0, 60.0),
    reliability.shortage_factor: (reliability.Shortage(0.1, 1.0), 512.0, 8.0, 1e5),
    reliability.corruption_factor: (1e5, 1e-10, 1.0),
    reliability.slow_node_factor: (1e5, SLOW),
    reliability.maintenance_factor: (1.0, 1.0),
    checkpoints.transfer_time: (1.0, 1.0),
    checkpoints.restart_read: (1.0, 1.0, 1.0),
    checkpoints.daly_interval: (1.0, 1.0),
    checkpoints.overlapped_interval: (SAVING, 1.0),
    checkpoints.goodput: (1.0, SAVING, STOP),
    recovery.restart_time: (RESTART, 1e5, 1.0),
    recovery.elastic_goodput: (0.1, 1.0, recovery.Elastic(1.0, 1.0)),
    job_goodput.job_goodput: (
        job_goodput.Spread(1e5, 64.0, 98.0, 5.0, 64.0, 512.0),
        job_goodput.Habits(FAILURES, RESTART, recovery.Elastic(1.0, 1.0), SLOW, *([0.5] * 6)),
        job_goodput.Store(*([1.0] * 8)),
    ),
    job_goodput.useful_share: (job_goodput.JobGoodput(*([0.5] * 17)), 1.0),
    training_run.loss: (7e10, 1.4e12, LAW),
    training_run.log_budget: (4e14, 1e5, 1e7, 6.0),
    training_run.optimal_parameters: (60.0, LAW),
    training_run.optimal_tokens: (60.0, LAW),
    training_run.critical_batch: (15e12, BATCHES),
    training_run.critical_batch_quantile: (60e6, 2.0, 0.9),
    training_run.token_factor: (16e6, 60e6),
    training_run.fixed_loss_speed_up: (4.0, 16e6, 60e6),
    training_run.training_time: (1e13, 1e5, 400.0, 0.9),
    training_run.largest_run: (training_run.Budget(60.0, 16e6, 0.5), LAW, BATCHES),
    training_run.sized_run: (1e12, training_run.Budget(60.0, 16e6, 0.5), LAW, BATCHES),
    economics.recovery_factor: (0.08, 5.0),
    economics.private_loss: (0.1, 0.3),
    economics.weighted_cost_of_capital: (economics.Fund(*([0.1] * 6)),),
    economics.yearly_cost: (economics.Outlay(*([1.0] * 4)), economics.Terms(0.1, 5.0, 14.0)),
    economics.chip_hour_cost: (1.0, 0.8),
    economics.million_tokens_cost: (1.0, 1.0, 0.9),
    economics.declined_price: (1.0, 0.25, 3.0),
    economics.million_tokens_carbon: (1.0, 1e-7, 1e-9),
    failure_run.failure_run: (np.int32(0), RUN, BLOCKS),
    failure_run.failure_events: (np.int32(0), RUN, BLOCKS),
}
"""Every public function of the kernels, on an example."""

MODULES = (
    building, checkpoints, collectives, drain, economics, exchange, exposure, extremes,
    failure_run, fairness, fixed_point, flow_lists, flows, in_flight, job_goodput, layout,
    level_methods, linpack, max_plus, memory, message_methods, message_passing, operators,
    parameters, placement, power, recovery, reliability, roofline, schedule, schedule_orders,
    site, stage_orders, step, step_energy, step_parts, step_timeline, timeline, topology,
    traffic, training_run, transformer, volume,
)  # fmt: skip
EAGER = {
    transformer.contract,
    topology.congested_share,
    level_methods.level_units,
    max_plus.over_parts,
    step_timeline.step_timeline,
    schedule_orders.order_tables,
    stage_orders.stage_order,
    fixed_point.high_bits,
    flow_lists.block_of,
    flow_lists.blocks,
    flow_lists.part,
    flows.active_of,
    flows.prepare,
    flows.fill,
    flows.leave,
}
"""Take a constant table, the row of one, the shape of a pipeline or the size of a block, not only
arguments to trace."""


def lowered(function: Callable, arguments: tuple) -> str:
    """Text of the module that all platforms share."""

    def abstract(leaf: Any) -> jax.ShapeDtypeStruct:
        place = np.issubdtype(getattr(leaf, "dtype", float), np.integer)
        dtype = np.int32 if place else np.float32
        return jax.ShapeDtypeStruct(getattr(leaf, "shape", ()), dtype)

    with jax.enable_x64(False):
        shapes = jax.tree.map(abstract, arguments)
        exported = jax.export.export(jax.jit(function), platforms=PLATFORMS)(*shapes)
    assert exported.platforms == PLATFORMS
    return exported.mlir_module()


def name_of(value: Any) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize("function", KERNELS, ids=name_of)
def test_a_kernel_lowers_for_every_platform_in_single_precision(function):
    module = lowered(function, KERNELS[function])
    assert "f64" not in module
    for call in OUTSIDE:
        assert call not in module


def test_no_public_kernel_is_left_out():
    public = {
        function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert {f.__name__ for f in public - EAGER} == {f.__name__ for f in KERNELS}


def test_a_call_outside_the_program_would_be_seen():
    with jax.enable_x64(False):
        shape = jax.ShapeDtypeStruct((3, 3), np.float32)
        outside = jax.export.export(jax.jit(jnp.linalg.cholesky), platforms=("cpu",))(shape)
    assert any(call in outside.mlir_module() for call in OUTSIDE)


def test_double_precision_would_be_seen():
    shape = jax.ShapeDtypeStruct((3,), np.float64)
    double = jax.export.export(jax.jit(jnp.sin), platforms=("cpu",))(shape)
    assert "f64" in double.mlir_module()

"""Whether a layout that the user names fits the model, the batch and the machine."""

from perfmodel.config.faults import Fault, refuse
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.schema.workload import Layout
from perfmodel.lowering.layout import lower_layout
from perfmodel.search.layouts import empty_places


def check_layout(scenario: Scenario) -> None:
    """Refuses a named layout that cannot run.

    Parameters
    ----------
    scenario
        With a layout or without.

    Raises
    ------
    Faults
        All that does not fit, at once.
    """
    if scenario.layout is not None:
        refuse(
            [*_model_faults(scenario, scenario.layout), *_size_faults(scenario, scenario.layout)]
        )


def _fault(layout: Layout, field: str, problem: str, expected: str) -> Fault:
    value = str(getattr(layout, field))
    return Fault(field=f"layout.{field}", value=value, problem=problem, expected=expected)


def _model_faults(scenario: Scenario, layout: Layout) -> list[Fault]:
    model, found = scenario.model, []
    heads, kv_heads = model.attention.heads, model.attention.kv_heads
    if heads % layout.tp:
        text = f"does not divide the {heads} heads of {model.name}"
        found.append(_fault(layout, "tp", text, f"a divisor of {heads}"))
    elif kv_heads % layout.tp and layout.tp % kv_heads:
        text = f"neither divides nor is a multiple of the {kv_heads} key-value heads"
        found.append(_fault(layout, "tp", text, f"a divisor or a multiple of {kv_heads}"))
    if layout.pp * layout.vpp > model.layers:
        text = f"times vpp = {layout.vpp} is more than the {model.layers} layers of {model.name}"
        found.append(_fault(layout, "pp", text, f"at most {model.layers // layout.vpp}"))
    elif empty_places(model.layers, layout.pp, layout.vpp) < 0:
        text = f"and vpp = {layout.vpp} would leave a whole stage without layers"
        found.append(_fault(layout, "pp", text, f"a grid that {model.layers} layers fill"))
    if layout.vpp > 1 and layout.pp == 1:
        found.append(_fault(layout, "vpp", "needs more than one pipeline stage", "1, or pp > 1"))
    experts = model.experts.count if model.experts else 1
    if experts % layout.ep:
        text = f"does not divide the {experts} experts of {model.name}"
        found.append(_fault(layout, "ep", text, f"a divisor of {experts}"))
    return found


def _micro_batches(scenario: Scenario, replicas: int) -> int:
    layout = scenario.layout or Layout()
    return max(1, round(scenario.workload.batch.sequences / (replicas * layout.micro_batch)))


def _size_faults(scenario: Scenario, layout: Layout) -> list[Fault]:
    chips, batch = scenario.machine.chips, scenario.workload.batch
    group, found = layout.tp * layout.cp * layout.pp, []
    most = chips // group
    if most < 1:
        text = f"times cp = {layout.cp} and pp = {layout.pp} is {group:,} chips of {chips:,}"
        found.append(_fault(layout, "tp", text, f"at most {chips:,} chips in all"))
        return found
    replicas = int(lower_layout(layout, chips, batch.sequences, scenario.model.layers).dp)
    if layout.tp * layout.cp * replicas % layout.ep:
        text = f"does not divide tp x cp x dp = {layout.tp * layout.cp * replicas:,}"
        found.append(_fault(layout, "ep", text, "a divisor of it"))
    if layout.dp == "fill":
        return found
    if layout.dp > most:
        text = f"replicas of {group:,} chips are more than the site's {chips:,} chips"
        found.append(_fault(layout, "dp", text, f"at most {most:,}"))
    if layout.vpp > 1 and _micro_batches(scenario, layout.dp) % layout.pp:
        text = (
            f"interleaves micro-batches in multiples of pp = {layout.pp}, dp = {layout.dp} leaves "
        )
        text += f"{_micro_batches(scenario, layout.dp)} of them"
        found.append(_fault(layout, "vpp", text, "vpp = 1, or other replicas"))
    per_replica = batch.sequences / (layout.dp * layout.micro_batch)
    moved = max(1, round(per_replica)) / per_replica - 1.0
    if abs(moved) > batch.tolerance:
        text = (
            f"times micro_batch = {layout.micro_batch} does not divide the batch of "
            f"{batch.sequences:,} sequences within {batch.tolerance:.0%}"
        )
        found.append(_fault(layout, "dp", text, "another number of replicas, or another batch"))
    return found

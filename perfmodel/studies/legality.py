"""Whether a layout that the user names fits the model, the batch and the machine."""

from typing import NamedTuple

from perfmodel.config.faults import Fault, refuse
from perfmodel.config.schema.scenario import Scenario
from perfmodel.config.schema.workload import Layout
from perfmodel.lowering.layout import lower_layout
from perfmodel.spaces.legality import RULES, Job
from perfmodel.studies.best_layout import job


class Said(NamedTuple):
    """How a broken rule reads to the user who named the layout."""

    field: str
    """Field of the layout that gets the blame."""
    problem: str
    expected: str


SAID = {
    "heads": Said("tp", "does not divide the {heads} heads of {model}", "a divisor of {heads}"),
    "kv_heads": Said(
        "tp",
        "neither divides nor is a multiple of the {kv_heads} key-value heads",
        "a divisor or a multiple of {kv_heads}",
    ),
    "experts": Said(
        "ep", "does not divide the {experts} experts of {model}", "a divisor of {experts}"
    ),
    "expert_width": Said(
        "etp", "does not divide the width {expert_ffn} of an expert of {model}", "a divisor of it"
    ),
    "trade": Said(
        "cp", "times tp = {tp} does not divide the {heads} heads to trade", "fewer, or ring"
    ),
    "micro_batch": Said("micro_batch", "is larger than the batch of {batch:,}", "at most that"),
    "layers": Said(
        "pp",
        "times vpp = {vpp} is more than the {layers} layers of {model}",
        "at most {most_stages}",
    ),
    "stage": Said(
        "pp",
        "and vpp = {vpp} would leave a whole stage without layers",
        "a grid that {layers} layers fill",
    ),
    "interleaving": Said(
        "vpp", "needs more than one pipeline stage and 1F1B", "1, or pp > 1 and 1f1b"
    ),
    "chips": Said(
        "tp",
        "times cp = {cp} and pp = {pp} is {group:,} chips of {chips:,}",
        "at most {chips:,} in all",
    ),
    "replicas": Said(
        "dp",
        "replicas of {group:,} chips are more than the site's {chips:,} chips",
        "at most {most:,}",
    ),
    "expert_ranks": Said(
        "ep", "times etp = {etp} does not divide tp x cp x dp = {ranks:,}", "a divisor of it"
    ),
    "groups": Said(
        "vpp",
        "interleaves micro-batches in multiples of pp = {pp}, dp = {dp} leaves {micro_batches} of "
        "them",
        "vpp = 1, or other replicas",
    ),
    "dualpipe": Said(
        "schedule",
        "needs an even number of stages and of micro-batches, {twice} of these or more; there are "
        "{micro_batches}",
        "another schedule, or fewer replicas",
    ),
    "batch": Said(
        "dp",
        "times micro_batch = {micro_batch} does not divide the batch of {batch:,} sequences within "
        "{tolerance:.0%}",
        "another number of replicas, or another batch",
    ),
    "copies": Said("shard_group", "does not divide cp x dp = {shards:,}", "a divisor of it"),
}
"""Code of a rule to its words."""

FILLED = frozenset({"replicas", "groups", "dualpipe", "batch"})
"""Rules that `dp = "fill"` keeps as far as the machine allows."""


def check_layout(scenario: Scenario) -> None:
    """Refuses a named layout that cannot run.

    Parameters
    ----------
    scenario
        With a layout or without.

    Raises
    ------
    Faults
        All that does not fit, one per field.
    """
    if scenario.layout is not None:
        refuse(_faults(scenario, scenario.layout))


def _faults(scenario: Scenario, layout: Layout) -> list[Fault]:
    chips, batch = scenario.machine.chips, scenario.workload.batch.sequences
    asked = job(scenario, chips, batch)
    lowered = lower_layout(layout, chips, batch, scenario.model.layers)
    at = {name: round(float(value), 9) for name, value in lowered._asdict().items()}
    broken = [rule.code for rule in RULES if not rule.advice and not rule.holds(at, asked)]
    if "chips" in broken:
        broken = [code for code in broken if not set(_fields(code)) & {"dp", "micro_batches"}]
    if layout.dp == "fill":
        broken = [code for code in broken if code not in FILLED]
    words = _words(scenario, asked, at)
    found: dict[str, Fault] = {}
    for code in broken:
        said = SAID[code]
        value = str(getattr(layout, said.field))
        text, right = said.problem.format(**words), said.expected.format(**words)
        fault = Fault(field=f"layout.{said.field}", value=value, problem=text, expected=right)
        found.setdefault(said.field, fault)
    return list(found.values())


def _fields(code: str) -> tuple[str, ...]:
    return next(rule.fields for rule in RULES if rule.code == code)


def _words(scenario: Scenario, asked: Job, at: dict[str, float]) -> dict[str, object]:
    """Numbers that the texts name."""
    whole = {name: int(value) for name, value in at.items()}
    group = whole["tp"] * whole["cp"] * whole["pp"]
    return {
        **asked._asdict(),
        **whole,
        "model": scenario.model.name,
        "group": group,
        "most": asked.chips // group,
        "most_stages": asked.layers // whole["vpp"],
        "ranks": whole["tp"] * whole["cp"] * whole["dp"],
        "shards": whole["cp"] * whole["dp"],
        "twice": 2 * whole["pp"],
    }

"""JSON Schemas of what verbs print, from the table of columns and the records."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from perfmodel.commands.hardware_schemas import codesign_schema, sensitivity_schema
from perfmodel.commands.records import Description, Devices, Listing, Record, Report
from perfmodel.commands.run_schemas import WALL, rerun_schema, sweep_schema, view_schema
from perfmodel.commands.verdicts import calibration_schema, validation_schema
from perfmodel.config.faults import Fault, Faults, nearest, one_of, shown
from perfmodel.config.json_schema import DRAFT, config_schema
from perfmodel.config.kinds import KINDS, NOUNS
from perfmodel.results.columns import (
    COLUMNS,
    COST,
    FLOWS,
    GOODPUT,
    MEMORY_SPLIT,
    NETWORK,
    OUTCOME,
    POWER,
    POWER_SPLIT,
    TIME_SPLIT,
    TRAINING,
    Column,
)

CONFIG = "config"
"""Subject that stands for config files."""


def schema_of(subject: str, kind: str | None) -> dict[str, Any]:
    """Find a schema by the words that a user names it with.

    Parameters
    ----------
    subject
        A verb, or ``config``.
    kind
        Kind of config file, or sub-command of the verb.

    Returns
    -------
    dict[str, Any]
        JSON Schema.

    Raises
    ------
    Faults
        When there is no such verb or kind.
    """
    if subject == CONFIG:
        wanted = NOUNS.get(kind or "", kind or "")
        return config_schema(_known(wanted, KINDS, "kind of config"))
    words = " ".join(filter(None, (subject, kind)))
    return {"$schema": DRAFT, **OUTPUTS[_known(words, OUTPUTS, "verb that prints JSON")]()}


def _known(word: str, words: Iterable[str], what: str) -> str:
    if word in words:
        return word
    close = nearest(word, words)
    expected = one_of(words)
    raise Faults([Fault(problem=f"no {what}", value=shown(word), expected=expected, nearest=close)])


def _record(record: type[Record]) -> Callable[[], dict[str, Any]]:
    return record.model_json_schema


def _estimate() -> dict[str, Any]:
    parts = {
        "time_split_s": _split(TIME_SPLIT, "s"),
        "memory_split_bytes": _split(MEMORY_SPLIT, "B"),
        "power_split_w": _split(POWER_SPLIT, "W"),
        "strategies": STRATEGIES,
        "wall_s": WALL,
    }
    timeline = {
        "timeline": {"type": "object", "description": "Stages and segments, with `--timeline`."},
        "files": {"type": "array", "items": {"type": "string"}},
    }
    row = _row()
    return {
        **row,
        "title": "Answer of `estimate`",
        "properties": row["properties"] | parts | timeline,
        "required": [*row["required"], *parts],
    }


def _compare() -> dict[str, Any]:
    rows = {"type": "array", "items": {"type": "object"}}
    numbers = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}
    properties = {
        "sites": {"type": "array", "items": _compared()},
        "ratio": {**numbers, "description": "Quantity to gigafactory over factory."},
        "decomposition": {**rows, "description": "Factors whose logarithms sum to the ratio's."},
        "scaling": {**rows, "description": "Rows of the scaling curves."},
        "network": {**rows, "description": "Throughput with other networks, first workload."},
        "year": {**rows, "description": "PUE of each site by month and in the hottest hours."},
        "conclusion": {"type": "string"},
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    required = ["sites", "ratio", "decomposition", "files", "wall_s"]
    title = "Answer of `compare`"
    return {"title": title, "type": "object", "properties": properties, "required": required}


def _compared() -> dict[str, Any]:
    """One job on one site, with what it comes to."""
    row = _row()
    more = {column.key: _column(column) for column in OUTCOME.values()}
    return {**row, "properties": row["properties"] | more}


def _power() -> dict[str, Any]:
    rows = {"type": "array", "items": {"type": "object"}}
    properties = {
        "estimate": _row(),
        "strategies": STRATEGIES,
        "curve": {**rows, "description": "Quantities over the cap of a chip."},
        "year": {**rows, "description": "PUE by month, in the mean and in the hottest hours."},
        "holds": {**rows, "description": "Chips that a grid connection feeds, by design."},
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    title = "Answer of `power`"
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}


def _goodput() -> dict[str, Any]:
    rows = {"type": "array", "items": {"type": "object"}}
    texts = ("site", "workload", "layout", "reason", "case", "reliability", "way")
    shown = [GOODPUT[name] for name in GOODPUT_KEYS]
    properties = {
        **{name: {"type": "string"} for name in texts},
        "chips": {"type": "integer"},
        **{column.key: _column(column) for column in shown},
        "cases": {**rows, "description": "The same quantities by reliability config."},
        "drawn": {"type": ["object", "null"], "description": "Runs drawn failure by failure."},
        "published": {**rows, "description": "Published shares beside the closed form."},
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    required = ["goodput", "mtti_s", "checkpoint_interval_s", "cases", "files", "wall_s"]
    title = "Answer of `goodput`, the middle case in front"
    return {"title": title, "type": "object", "properties": properties, "required": required}


def _cost() -> dict[str, Any]:
    texts = ("site", "workload", "layout", "case")
    shown = [column for name, column in COST.items() if name not in COST_OF_PROGRAMMES]
    rows = {"type": "array", "items": {"type": "object"}}
    properties = {
        **{name: {"type": "string"} for name in texts},
        "chips": {"type": "integer"},
        **{column.key: _column(column) for column in shown},
        "eur_per_chip_hour": {"type": "number", "description": "chip-hour", "x-unit": "EUR"},
        "eur_per_million_tokens": {
            "type": "number",
            "description": "million tokens",
            "x-unit": "EUR",
        },
        "kgco2_per_million_tokens": {
            "type": "number",
            "description": "their carbon",
            "x-unit": "kg",
        },
        "cases": {**rows, "description": "The same quantities by config of costs."},
        "years": {**rows, "description": "The same work with equipment that is bought later."},
        "files": {"type": "array", "items": {"type": "string"}},
    }
    title = "Answer of `cost SITE WORKLOAD`, the middle case in front"
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}


def _train_time() -> dict[str, Any]:
    texts = ("site", "workload", "layout", "reason", "case")
    rows = {"type": "array", "items": {"type": "object"}}
    properties = {
        **{name: {"type": "string"} for name in texts},
        "chips": {"type": "integer"},
        **{TRAINING[name].key: _column(TRAINING[name]) for name in TRAINING_KEYS},
        "cases": {**rows, "description": "The same quantities, low to high."},
        "batches": {**rows, "description": "Time to the same loss by batch and case."},
        "best_batch": {"type": ["object", "null"], "description": "The quickest of them."},
        "sizes": {**rows, "description": "Loss of the models that take the whole time given."},
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    required = ["training_time_s", "run_energy_j", "run_eur", "largest_parameters", "cases"]
    title = "Answer of `train-time`, the middle case in front"
    return {"title": title, "type": "object", "properties": properties, "required": required}


def _search() -> dict[str, Any]:
    texts = ("site", "workload", "chip", "stack", "objective")
    counts = {"type": "object", "additionalProperties": {"type": "integer"}}
    rows = {"type": "array", "items": {"type": "object"}}
    listed = {"type": "array", "items": {"type": "string"}}
    properties = {
        **{name: {"type": "string"} for name in texts},
        "chips": {"type": "integer"},
        "case": {"type": ["string", "null"], "description": "Failures and prices that enter."},
        "way": {"type": ["string", "null"], "description": "How the job comes back, likewise."},
        "where": {**listed, "description": "Conditions on layouts and results."},
        "complete": {"type": "boolean", "description": "False after an interrupt."},
        "points": {"type": "integer", "description": "Legal layouts that were evaluated."},
        "feasible_points": {"type": "integer", "description": "Of them, those that fit."},
        "wanted_points": {"type": "integer", "description": "Of these, those within bounds."},
        "best": {**rows, "description": "Rows with layout, quantities and `why`, best first."},
        "pareto": {**listed, "description": "Aims of the front."},
        "front": {**rows, "description": "Layouts that no other one beats in all aims."},
        "front_lost": {"type": "integer", "description": "More of them than there was room for."},
        "explained": {**rows, "description": "Layouts of the user, `why` they lose, a `verdict`."},
        "infeasible_by_reason": {**counts, "description": "Layouts by code of the reason."},
        "reasons": {"type": "object", "additionalProperties": {"type": "string"}},
        "files": listed,
        "search_s": {"type": "number", "x-unit": "s", "description": "Enumerating, evaluating."},
        "points_per_second": {"type": "number", "description": "Over `search_s`."},
        "wall_s": WALL,
    }
    title = "Answer of `search`"
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}


def _bench() -> dict[str, Any]:
    rows = {"type": "array", "items": {"type": "object"}}
    rates = ("flop_per_s", "multiply_add_flop_per_s", "matrix_product_flop_per_s")
    data = ("bytes_per_s", "copy_bytes_per_s")
    counts = ("flop_per_evaluation", "flop_per_point", "bytes_per_point", "temporary_bytes")
    properties = {
        "device": {"type": "string"},
        "devices": {"type": "integer"},
        "date": {"type": "string"},
        "versions": {"type": "object", "additionalProperties": {"type": "string"}},
        "points_per_second": {"type": "number", "description": "Full evaluations."},
        "points_per_core_second": {"type": "number", "description": "Per processor time on a CPU."},
        "curve": {**rows, "description": "Points, times and rates by size."},
        "first_search_s": {"type": "number", "x-unit": "s"},
        **{name: {"type": "number"} for name in counts},
        **{name: {"type": "number", "x-unit": "FLOP/s"} for name in rates},
        **{name: {"type": "number", "x-unit": "B/s"} for name in data},
        "share_of_ceiling": {"type": "number", "description": "Of the tighter limit."},
        "gradient_over_forward": {"type": ["number", "null"], "description": "Of the times."},
        "load_average": {"type": ["number", "null"], "description": "Of the machine before."},
    }
    title = "Answer of `bench`"
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}


def _network() -> dict[str, Any]:
    names = ("collective", "fabric", "chip", "node", "stack", "site")
    call = _rows(
        *("ranks", "size", "time", "bus_bandwidth", "algorithm_bandwidth", "launch_time"),
        algorithm={"type": "string", "description": "Fastest, empty where there is none."},
        algorithms=_rows(
            "algorithm_time", algorithm={"type": "string"}, allowed={"type": "boolean"}
        ),
        levels=_rows("latency_time", "transfer_time", level={"type": "string"}),
    )
    properties = {
        **{name: {"type": "string"} for name in names},
        "stride": {"type": "integer", "description": "Chips between neighbouring ranks."},
        "calls": call,
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    title = "Answer of `network`"
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _flows() -> dict[str, Any]:
    rates = ("mean_rate_fraction", "p1_rate_fraction", "min_rate_fraction")
    numbers = ("hosts", "links", "flows", "rounds", "setup_wall", "solve_wall", *rates)
    rows = {"type": "array", "items": {"type": "object"}}
    properties = {
        **{name: {"type": "string"} for name in ("fabric", "pattern", "routing")},
        "sub_flows": {"type": "integer"},
        "converged": {"type": "boolean", "description": "Switches know which links are down."},
        **{name: {"type": "number"} for name in ("failed_links", "slow_links")},
        "seed": {"type": "integer"},
        **{FLOWS[name].key: _column(FLOWS[name]) for name in numbers},
        "unreachable_pairs": {"type": "integer"},
        "verified": {"type": "boolean", "description": "Fair by definition, on all links."},
        "steps": {**rows, "description": "The same by step of the pattern."},
        "levels": {**rows, "description": "Load of the links by level."},
        "files": {"type": "array", "items": {"type": "string"}},
        "wall_s": WALL,
    }
    title = "Answer of `network` without a collective"
    return {"title": title, "type": "object", "properties": properties, "required": [*properties]}


def _rows(*columns: str, **others: dict[str, Any]) -> dict[str, Any]:
    """A list of rows with quantities of a collective."""
    quantities = {NETWORK[name].key: _column(NETWORK[name]) for name in columns}
    properties = quantities | others
    row = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "array", "items": row}


def _row() -> dict[str, Any]:
    """One job on one site."""
    labels = {name: {"type": "string"} for name in LABELS} | {"chips": {"type": "integer"}}
    columns = {column.key: _column(column) for column in (*COLUMNS.values(), *POWER[:2])}
    return {"type": "object", "properties": labels | columns, "required": list(STABLE)}


def _column(column: Column) -> dict[str, Any]:
    kind = TYPES.get(column.name, ["number", "null"])
    return {"type": kind, "description": column.label, "x-unit": column.unit}


def _split(labels: Mapping[str, str], unit: str) -> dict[str, Any]:
    parts = {
        name: {"type": ["number", "null"], "description": label, "x-unit": unit}
        for name, label in labels.items()
    }
    return {"type": "object", "properties": parts, "required": list(parts)}


LABELS = ("name", "site", "workload", "layout", "chip", "stack", "precision")
"""Texts of a row beside its quantities."""

COST_OF_PROGRAMMES = ("chips_bought", "share_of_announced", "provisioned", "year")
"""Quantities that only a programme or a price path has."""

GOODPUT_KEYS = (
    *("goodput", "mtti", "checkpoint_interval", "restart", "load", "write", "stage"),
    *("synchronous_goodput", "asynchronous_goodput", "memory_goodput", "elastic_goodput"),
    *("corruption_factor", "slow_factor", "maintenance_factor", "shortage_factor"),
    "useful_share",
    *("useful_tokens_per_s", "job_chips", "replica_chips", "spares_needed", "spares_left"),
)
"""Quantities of a case of goodput."""

TRAINING_KEYS = (
    *(
        "tokens",
        "active_parameters",
        "loss",
        "excess_loss",
        "batch_tokens",
        "critical_batch_tokens",
    ),
    *("useful_share", "useful_tokens_per_s", "training_time", "run_energy", "run", "run_carbon"),
    *("largest_parameters", "largest_tokens", "largest_processed", "largest_loss"),
    "largest_excess_loss",
    *("window", "window_energy", "window_cost", "window_carbon"),
)
"""Quantities of a case of a training run."""

STABLE = (
    *("name", "workload", "chips", "layout", "step_time_s", "tokens_per_s"),
    *("tokens_per_s_per_chip", "mfu", "site_power_w", "energy_per_token_j", "feasible"),
)
"""Keys of a row that others rely on."""

TYPES = {"bottleneck": "string", "reason": "string", "feasible": "boolean"}
"""Columns that hold no number."""

STRATEGIES = {
    "type": "array",
    "items": {"type": "object"},
    "description": "Ways to keep the grid connection, where it binds.",
}

OUTPUTS: dict[str, Callable[[], dict[str, Any]]] = {
    "compare": _compare,
    "estimate": _estimate,
    "search": _search,
    "sweep": sweep_schema,
    "rerun": rerun_schema,
    "power": _power,
    "goodput": _goodput,
    "cost": _cost,
    "plot": view_schema("plot"),
    "report": view_schema("report"),
    "sensitivity": sensitivity_schema,
    "codesign": codesign_schema,
    "train-time": _train_time,
    "bench": _bench,
    "validate": validation_schema,
    "calibrate": calibration_schema,
    "network": _network,
    "network flows": _flows,
    "configs list": _record(Listing),
    "configs show": _record(Description),
    "configs check": _record(Report),
    "devices": _record(Devices),
}
"""Verb to the schema of its JSON output."""

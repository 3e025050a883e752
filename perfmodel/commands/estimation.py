"""An estimate on the terminal and as JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from perfmodel.results.columns import COLUMNS, MEMORY_SPLIT, POWER_SPLIT, TIME_SPLIT, Column
from perfmodel.views.power import EXTRA, limit_parts
from perfmodel.views.quantities import human
from perfmodel.views.terminal import facts, show, split, table

if TYPE_CHECKING:
    from perfmodel.studies.power_limit import Limited

_HEAD = (
    "step_time",
    "tokens_per_s",
    "tokens_per_s_per_chip",
    "model_flop_rate",
    "hardware_flop_rate",
    "mfu",
    "hfu",
    "memory",
    "memory_fraction",
    "sent_scaleup",
    "sent_scaleout",
    "clock_ratio",
    "chip_power",
    "chips_used",
    "spares",
    "site_power",
    "it_power",
    "provisioned_power",
    "pue",
    "energy_per_token",
)
ENDS = ("low", "high")
_ABLATED = ("step_time", "mfu", "chip_power", "memory")
_TEXTS = (
    "layout",
    "precision",
    "stack",
    "chip",
    "switches",
    "optical_modules",
    "bottleneck",
)


def print_tables(row: Mapping[str, Any], limited: "Limited") -> None:
    """Prints numbers, where time, memory and power go, and the bottleneck.

    Parameters
    ----------
    row
        The estimate.
    limited
        The same under a grid connection, with the ways to keep it.
    """
    title = f"{row['workload']} on {row['site']} ({row['chips']:,} chips)"
    if not row["layout"]:
        show(Text(f"{title}: {row['reason']} ({row['points']:,} layouts tried)"))
        return
    named = [Column(name, "", name.replace("_", " ")) for name in _TEXTS]
    columns = [*named, *(COLUMNS[name] for name in _HEAD), EXTRA["power_cap"], EXTRA["power_limit"]]
    parts: list[Any] = [facts(title, [""], columns, [row])]
    parts.append(split("Time of a step", _parts(row, "time_split", TIME_SPLIT, "s"), "s"))
    parts.append(split("Memory of a chip", _parts(row, "memory_split", MEMORY_SPLIT, "bytes"), "B"))
    parts.append(split("Power of the site", _parts(row, "power_split", POWER_SPLIT, "w"), "W"))
    parts += limit_parts(limited.free, limited.strategies)
    parts.append(Text(_verdict(row)))
    parts.append(Text(_bars(row)))
    show(*parts)


def _parts(row: Mapping[str, Any], group: str, labels: Mapping[str, str], unit: str) -> dict:
    return {label: row[f"{group}_{name}_{unit}"] for name, label in labels.items()}


def _verdict(row: Mapping[str, Any]) -> str:
    if not row["feasible"]:
        over = row["memory_fraction"] - 1.0
        return f"Not feasible: {row['reason']}, {over:.0%} over the memory of the chip."
    times = {label: row[f"time_split_{name}_s"] for name, label in TIME_SPLIT.items()}
    share = times[row["bottleneck"]] / row["step_time_s"]
    return f"Bottleneck: {row['bottleneck']}, {share:.0%} of the step."


def _bars(row: Mapping[str, Any]) -> str:
    low, high = (human(row[f"step_time_{end}_s"], COLUMNS["step_time"]) for end in ENDS)
    rates = " to ".join(human(row[f"tokens_per_s_{end}"]) for end in reversed(ENDS))
    beyond = f" No run was measured with: {row['extrapolated']}." if row["extrapolated"] else ""
    return f"90 % interval: {low} to {high} a step, {rates} tokens/s.{beyond}"


def print_ablation(rows: Sequence[Mapping[str, Any]]) -> None:
    """Prints what each effect that was taken out is worth, the dearest first.

    Parameters
    ----------
    rows
        One per effect.
    """
    if not rows:
        return
    columns = ["without", "which means", "adds to the step", *(COLUMNS[name] for name in _ABLATED)]
    ordered = sorted(rows, key=lambda row: -row["worth"])
    cells = [
        [row["effect"], row["meaning"], f"{row['worth']:+.1%}"]
        + [row[COLUMNS[name].key] for name in _ABLATED]
        for row in ordered
    ]
    show(table("The same layout without one effect", columns, cells))


def print_conventions(rows: Sequence[Mapping[str, Any]]) -> None:
    """Prints the FLOP rate as publications count it.

    Parameters
    ----------
    rows
        One per convention.
    """
    if not rows:
        return
    columns = ["counted as", Column("flop", "FLOP", "FLOP of a token", "TFLOP")]
    columns.append(Column("flop_rate", "FLOP/s", "FLOP/s per chip", "TFLOP/s"))
    columns.append(Column("share", "", "share of the peak", "%"))
    names = ("convention", "flop_per_token", "flop_per_s", "share_of_peak")
    cells = [[row[name] for name in names] for row in rows]
    show(table("FLOP by convention", columns, cells))


def document(
    row: Mapping[str, Any],
    strategies: Sequence[Mapping[str, Any]],
    details: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
    wall: float,
) -> dict:
    """An estimate as JSON values, SI units.

    Parameters
    ----------
    row
        The estimate.
    strategies
        Ways to keep the grid connection, where it binds.
    details
        The same layout without one effect each, and its FLOP rate by convention.
    wall
        Our own run time. [s]

    Returns
    -------
    dict
        Every column, and the splits as objects.
    """
    return {
        **row,
        "time_split_s": {name: row[f"time_split_{name}_s"] for name in TIME_SPLIT},
        "memory_split_bytes": {name: row[f"memory_split_{name}_bytes"] for name in MEMORY_SPLIT},
        "power_split_w": {name: row[f"power_split_{name}_w"] for name in POWER_SPLIT},
        "strategies": list(strategies),
        "without": list(details[0]),
        "flop_conventions": list(details[1]),
        "wall_s": wall,
    }

"""The best layouts on the terminal, and the figures of a search."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import COLUMNS, COST, GOODPUT, TIME_SPLIT, Column
from perfmodel.views.quantities import MISSING, human
from perfmodel.views.terminal import table

_BEST = ("tokens_per_s", "mfu", "memory_fraction", "energy_per_token", "spares")
_COUPLED = {
    "useful-throughput": ("tokens_per_s", "useful_share", "useful_tokens_per_s"),
    "cost": ("tokens_per_s", "useful_share", "million_tokens"),
    "carbon": ("tokens_per_s", "useful_share", "million_tokens_carbon"),
}
"""What the list shows first where failures and prices enter."""
_KNOWN = {**COST, **GOODPUT, **COLUMNS}
_FRONT = ("tokens_per_s", "memory", "energy_per_token", "site_power", "mfu")
_SHARE = Column("share", "", "", "%")


def terminal_parts(told: Mapping[str, Any]) -> list[RenderableType]:
    """The top list, the front, what was explained, and what is not feasible.

    Parameters
    ----------
    told
        The answer as JSON has it.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    title = f"{told['workload']} on {told['site']} ({told['chips']:,} chips)"
    if not told["best"]:
        return [Text(f"{title}: no layout fits"), _reasons(told), Text(_speed(told))]
    parts = [_best(title, told), Text(_bars(told["best"][0]))]
    if told["front"]:
        parts.append(_front(told))
    for row in told["explained"]:
        parts += [_explained(row, told["best"][0]), Text(row["verdict"])]
    return [*parts, _reasons(told), Text(_speed(told))]


def _best(title: str, told: Mapping[str, Any]) -> RenderableType:
    flagged = any(row["outside"] for row in told["best"])
    names = (*_COUPLED[told["objective"]], "spares") if told["case"] else _BEST
    heads = ["", "layout", *(_KNOWN[name] for name in names), "why it is not the best"]
    rows = [
        [
            f"{row['rank']}{'*' if row['outside'] else ''}",
            row["layout"],
            *(row[_KNOWN[name].key] for name in names),
            row["why"] or MISSING,
        ]
        for row in told["best"]
    ]
    note = "; * beyond published runs" if flagged else ""
    beside = f", {told['case']} case, {told['way']} recovery" if told["case"] else ""
    return table(f"{title}, by {told['objective']}{beside}{note}", heads, rows)


def _bars(row: Mapping[str, Any]) -> str:
    """How far the best one may be off, and what of it was never measured."""
    low, high = (human(row[f"tokens_per_s_{end}"]) for end in ("low", "high"))
    beyond = row["extrapolated"]
    note = f" No run was measured with: {beyond}." if beyond else ""
    return f"The best one: {low} to {high} tokens/s in 90 % of cases.{note}"


def _front(told: Mapping[str, Any]) -> RenderableType:
    heads = ["layout", *(COLUMNS[name] for name in _FRONT)]
    rows = [[row["layout"], *(row[COLUMNS[name].key] for name in _FRONT)] for row in told["front"]]
    lost = f", {told['front_lost']:,} more had no room" if told["front_lost"] else ""
    return table(f"Unbeaten in {', '.join(told['pareto'])}{lost}", heads, rows)


def _explained(row: Mapping[str, Any], best: Mapping[str, Any]) -> RenderableType:
    """Term by term against the best: shares of the best one's time per token."""
    pace = best["tokens_per_s"] / row["tokens_per_s"]
    rows = []
    for name, label in TIME_SPLIT.items():
        key = f"time_split_{name}_s"
        own = row[key] / row["step_time_s"] * pace
        other = best[key] / best["step_time_s"]
        if own or other:
            rows.append([label, other, own, f"{own - other:+.2%}"])
    rows.append(["in all", 1.0, pace, f"{pace - 1.0:+.2%}"])
    for name in ("memory_fraction", "mfu"):
        key = COLUMNS[name].key
        rows.append([COLUMNS[name].label, best[key], row[key], f"{row[key] - best[key]:+.2%}"])
    state = "" if row["feasible"] else ", does not fit in memory"
    beyond = f"; no run was measured with {row['extrapolated']}" if row["extrapolated"] else ""
    title = f"{row['layout']}{state}: time of a token against the best{beyond}"
    shares = [_SHARE._replace(label=head) for head in ("best", "this one")]
    return table(title, ["", *shares, "difference"], rows)


def _reasons(told: Mapping[str, Any]) -> RenderableType:
    counts = sorted(told["infeasible_by_reason"].items(), key=lambda item: -item[1])
    rows = [[told["reasons"][code], count] for code, count in counts if count]
    return table("Not feasible", ["reason", "layouts"], rows)


def _speed(told: Mapping[str, Any]) -> str:
    head = "" if told["complete"] else "Interrupted before all layouts were searched: "
    return (
        f"{head}{told['points']:,} layouts evaluated, {told['feasible_points']:,} of them fit; "
        f"{told['points_per_second']:,.0f} per second with enumeration and start-up of the "
        "programs."
    )


def draw(folder: Path, respects: Sequence[str], caption: str) -> list[Path]:
    """Draws the figures of a search from the tables in a folder.

    Parameters
    ----------
    folder
        Where the tables are and the figures go.
    respects
        Aims of the front, none without one.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG of each figure.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures import layout_front, layout_map
    from perfmodel.views.figures.sheet import save

    figures = {"layout_map": layout_map.draw(read(folder / "layout_map.parquet").rows, caption)}
    if respects:
        rows = read(folder / "front.parquet").rows
        figures["front"] = layout_front.draw(rows, respects[:2], caption)
    return [path for stem, figure in figures.items() for path in save(figure, folder, stem)]

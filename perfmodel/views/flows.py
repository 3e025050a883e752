"""Rates of flows on the terminal and as figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import FLOWS
from perfmodel.views.terminal import table

Rows = Sequence[Mapping[str, Any]]

STEMS = ("flow_steps", "flow_rates", "flow_levels", "flow_slow_downs")
"""Stems of the stored tables: steps, distribution of rates, load by level, slow-down by scale."""

FIGURES = ("rate_distribution", "slow_down", "hottest_links")
"""Stems of the figures."""

MOST_STEPS = 20
"""Steps that a terminal shows."""


def terminal_parts(
    sentence: str, summary: Mapping[str, Any], steps: Rows, levels: Rows
) -> list[RenderableType]:
    """The whole pattern, its steps where it has several, and the links by level.

    Parameters
    ----------
    sentence
        What was solved.
    summary, steps, levels
        Tables of the answer.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    parts: list[RenderableType] = [Text(sentence), _rates("", [summary], ())]
    if len(steps) > 1:
        parts.append(_rates("Steps", steps[:MOST_STEPS], ("step",)))
    effort = [FLOWS[name] for name in ("links", "rounds", "setup_wall", "solve_wall")]
    times = [FLOWS[name] for name in ("makespan", "mean_completion", "drain_wall")]
    effort += [column for column in times if column.key in summary]
    effort.append(FLOWS["verified"])
    parts.append(table("", effort, [[summary[column.key] for column in effort]]))
    heads = [FLOWS[name] for name in ("links", "down", "used", "mean_load", "max_load", "full")]
    rows = [[row["level"], *(row[column.key] for column in heads)] for row in levels]
    parts.append(table("Links by level, both directions", ["level", *heads], rows))
    return parts


def _rates(title: str, rows: Rows, labels: Sequence[str]) -> RenderableType:
    names = ("hosts", "flows", "mean_rate_fraction", "p1_rate_fraction", "min_rate_fraction")
    columns = [FLOWS[name] for name in (*names, "unreachable_pairs")]
    columns = [column for column in columns if column.key in rows[0]]
    cells = [[*(row[name] for name in labels), *(row[c.key] for c in columns)] for row in rows]
    return table(title, [*labels, *columns], cells)


def draw_stored(folder: Path, stems: Sequence[str], caption: str) -> list[Path]:
    """Draws figures from the Parquet files in a folder.

    Parameters
    ----------
    folder
        Where the tables are and the figures go.
    stems
        Which figures.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG of each figure.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures import flow_rates
    from perfmodel.views.figures.sheet import save

    drawn = (
        (STEMS[1], FIGURES[0], flow_rates.distribution),
        (STEMS[3], FIGURES[1], flow_rates.slow_down),
        (STEMS[2], FIGURES[2], flow_rates.hottest),
    )
    files: list[Path] = []
    for stored, stem, draw in drawn:
        path = folder / f"{stored}.parquet"
        if stem in stems and path.exists():
            files += save(draw(read(path).rows, caption), folder, stem)
    return files

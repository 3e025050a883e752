"""The verb `plot`: figures of a stored run."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Kind = Literal["line", "heat", "pareto", "time-split", "power-split", "scaling", "dashboard"]


def plot(
    run: Path,
    *,
    kind: Annotated[list[Kind] | None, Parameter(consume_multiple=True, negative=())] = None,
    x: str = "",
    y: str = "",
    color: str = "",
    facet: str = "",
    where: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    out: Path | None = None,
    format: Literal["table", "json"] = "table",
) -> int:
    """Draw figures of a stored run, from what is stored alone.

    Without options: the figure that the run was made for. An axis that a figure does not show is
    held at its middle value, which the caption says.

    Parameters
    ----------
    run
        Folder of the run.
    kind
        Kinds of figures, one or several.
    x
        Column of the level axis.
    y
        Column of the upright axis.
    color
        Column that tells lines apart, or the result of a map; the word none leaves it out.
    facet
        Column with a panel for each value; the word none leaves it out.
    where
        Condition on points such as chip=h100 or "fabric.nic_bandwidth>=400 Gb/s".
    out
        Folder for PNG and SVG; figures in the folder of the run when not given.
    format
        A list for people, or JSON with a stable schema.
    """
    started = time.perf_counter()
    from perfmodel.commands.run_views import Delivery, deliver_figures
    from perfmodel.results.dataset import open_run
    from perfmodel.views.chart import Wish

    stored = open_run(run)
    conditions = stored.conditions(where or ())
    wishes = [Wish(one, x, y, color, facet, conditions) for one in kind or [""]]
    return deliver_figures(stored, wishes, Delivery(out, format, started))

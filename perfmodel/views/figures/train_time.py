"""Time to a loss over the batch, and the loss that a stretch of time buys over the model's size."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import TRAINING
from perfmodel.views.figures.sheet import Rows, distinct, house_style, select, sheet
from perfmodel.views.quantities import axis_label, human, scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TIME, BATCH, LOSS = (TRAINING[name] for name in ("fixed_loss_time", "batch_tokens", "loss"))
MARKERS = ("o", "s", "^", "D")


def draw(batches: Rows, sizes: Rows, caption: str) -> "Figure":
    """Draw both panels, a line per case.

    Parameters
    ----------
    batches
        Columns ``case``, ``batch_tokens``, ``critical_batch_tokens``, ``fixed_loss_time_s``.
    sizes
        Columns ``case``, ``parameters``, ``loss``, ``largest_parameters``, ``largest_loss``.
    caption
        Where the numbers come from.
    """
    cases = distinct(batches["case"])
    with house_style():
        figure = sheet(8.2, 3.9, "Time to a loss, and the best model of a stretch of time", caption)
        left, right = figure.subplots(1, 2)
        for number, case in enumerate(cases):
            _times(left, select(batches, case=case), case, MARKERS[number % len(MARKERS)])
            _losses(right, select(sizes, case=case), case, MARKERS[number % len(MARKERS)])
        _label(left, right)
    return figure


def _times(axes: "Axes", rows: dict[str, np.ndarray], case: str, marker: str) -> None:
    batch, time = rows[BATCH.key], rows[TIME.key] / scale(TIME).size
    critical = human(float(rows["critical_batch_tokens"][0]))
    axes.plot(batch, time, marker=marker, label=f"{case}: critical batch {critical}")


def _losses(axes: "Axes", rows: dict[str, np.ndarray], case: str, marker: str) -> None:
    (line,) = axes.plot(rows["parameters"], rows["loss"])
    best, least = float(rows["largest_parameters"][0]), float(rows["largest_loss"][0])
    label = f"{case}: {human(best)} parameters"
    axes.plot([best], [least], marker=marker, linestyle="", color=line.get_color(), label=label)


def _label(left: "Axes", right: "Axes") -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    left.set(xscale="log", yscale="log", xlabel=f"{BATCH.label.split(',')[0]} [tokens]")
    left.set_ylabel(axis_label(TIME))
    left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    left.yaxis.set_major_formatter(EngFormatter(sep=""))
    right.set(xscale="log", xlabel=TRAINING["parameters"].label, ylabel="loss [nats per token]")
    for axes in (left, right):
        axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
        axes.xaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.legend(fontsize=7)

"""Throughput of the best layout over tensor ranks and pipeline stages."""

from typing import TYPE_CHECKING

import numpy as np

from perfmodel.results.columns import COLUMNS
from perfmodel.views.figures.sheet import Rows, house_style, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(rows: Rows, caption: str) -> "Figure":
    """Draw a heat map; the best cell is marked, cells in which nothing fits stay empty.

    Parameters
    ----------
    rows
        Columns ``tp``, ``pp`` and ``tokens_per_s``, one row per cell.
    caption
        Where the numbers come from.
    """
    tensor, stages = np.asarray(rows["tp"], int), np.asarray(rows["pp"], int)
    value = np.asarray(rows["tokens_per_s"], float)
    across, up = np.unique(stages), np.unique(tensor)
    grid = np.full((len(up), len(across)), np.nan)
    grid[np.searchsorted(up, tensor), np.searchsorted(across, stages)] = value / value.max()
    with house_style():
        figure = sheet(max(6.4, 0.16 * len(across) + 3.0), 3.6, "Best layout by degrees", caption)
        axes = figure.subplots()
        image = axes.imshow(100.0 * grid, origin="lower", aspect="auto", cmap="cividis")
        best = int(np.argmax(value))
        axes.plot(
            [np.searchsorted(across, stages[best])],
            [np.searchsorted(up, tensor[best])],
            marker="*", color="#D55E00", markersize=11, linestyle="",
        )  # fmt: skip
        every = max(1, len(across) // 16)
        axes.set_xticks(range(0, len(across), every), [str(one) for one in across[::every]])
        axes.set_yticks(range(len(up)), [str(one) for one in up])
        axes.set_xlabel("pipeline stages")
        axes.set_ylabel("tensor ranks")
        axes.grid(visible=False)
        bar = figure.colorbar(image, ax=axes)
        bar.set_label(f"{COLUMNS['tokens_per_s'].label} [% of the best]")
    return figure

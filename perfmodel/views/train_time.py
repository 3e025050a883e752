"""Training runs on the terminal, and their figure from the stored tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from perfmodel.results.columns import TRAINING
from perfmodel.views.quantities import human
from perfmodel.views.terminal import facts, table

_RUN = (
    *(
        "tokens",
        "active_parameters",
        "loss",
        "excess_loss",
        "batch_tokens",
        "critical_batch_tokens",
    ),
    *("useful_share", "useful_tokens_per_s", "training_time"),
    *("run_energy", "run", "run_carbon"),
)
_WINDOW = (
    *("window", "largest_parameters", "largest_tokens", "largest_processed", "largest_loss"),
    "largest_excess_loss",
    *("window_energy", "window_cost", "window_carbon"),
)
_TIME = TRAINING["fixed_loss_time"]


def terminal_parts(found: Any) -> list[RenderableType]:
    """Cases side by side, times by batch, and the best batch.

    Parameters
    ----------
    found
        The answer.

    Returns
    -------
    list[RenderableType]
        Parts for :func:`perfmodel.views.terminal.show`.
    """
    row = found.row
    title = f"{row['workload']} on {row['site']} ({row['chips']:,} chips)"
    if not found.cases:
        return [Text(f"{title}: {row['reason']}")]
    names = [case["case"] for case in found.cases]
    parts: list[RenderableType] = [
        facts(f"{title}; {row['layout']}", names, [TRAINING[n] for n in _RUN], found.cases),
        facts("The best model of the time given", names, [TRAINING[n] for n in _WINDOW],
              found.cases),
    ]  # fmt: skip
    return [*parts, _batches(found.batches, names)]


def _batches(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> RenderableType:
    """A line per batch, times to the loss by case; the shortest of each case is marked."""
    known = {(row["batch_tokens"], row["case"]): row for row in rows}
    sizes = list(dict.fromkeys(row["batch_tokens"] for row in rows))
    least = {n: min(known[size, n]["fixed_loss_time_s"] for size in sizes) for n in names}
    middle = names[len(names) // 2]

    def cell(size: float, name: str) -> str:
        time = known[size, name]["fixed_loss_time_s"]
        return human(time, _TIME) + (" *" if time == least[name] else "")

    heads = ["batch", "layout", "tokens/s", "useful", *names, "cost"]
    lines = [
        [
            f"{size / 1e6:.1f} M",
            known[size, middle]["layout"],
            human(known[size, middle]["tokens_per_s"]),
            human(known[size, middle]["useful_tokens_per_s"]),
            *(cell(size, name) for name in names),
            human(known[size, middle]["fixed_loss_eur"], TRAINING["fixed_loss"]),
        ]
        for size in sizes
    ]
    return table("Time to the loss that the workload's own batch reaches, by batch", heads, lines)


def draw_stored(folder: Path, caption: str) -> list[Path]:
    """Draws the figure from its tables.

    Parameters
    ----------
    folder
        Where the tables are and the figure goes.
    caption
        Where the numbers come from.

    Returns
    -------
    list[Path]
        PNG and SVG.
    """
    from perfmodel.results.parquet import read
    from perfmodel.views.figures import train_time
    from perfmodel.views.figures.sheet import save

    batches, sizes = (
        read(folder / f"train_time_{stem}.parquet").rows for stem in ("batches", "sizes")
    )
    return save(train_time.draw(batches, sizes, caption), folder, "train_time")

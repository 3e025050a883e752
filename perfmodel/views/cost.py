"""The figure of a job's cost from its stored tables."""

from pathlib import Path


def draw_stored(folder: Path, caption: str) -> list[Path]:
    """Draws the figure.

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
    from perfmodel.views.figures import cost
    from perfmodel.views.figures.sheet import save

    cases, years = (read(folder / f"cost_{stem}.parquet").rows for stem in ("cases", "years"))
    return save(cost.draw(cases, years, caption), folder, "cost")

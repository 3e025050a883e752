"""What each effect of the model is worth: the same layout evaluated without it."""

import math
from collections.abc import Sequence

from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.run import evaluate_few
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import alone
from perfmodel.studies.best_layout import Row, layout_of, metrics
from perfmodel.studies.effects import EFFECTS, Point
from perfmodel.studies.power_cap import with_cap


def ablate(scenario: Scenario, row: Row, names: Sequence[str]) -> list[Row]:
    """Evaluates a layout once more without each of some effects.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        What it does, with its layout; evaluated as it stands for the comparison.
    names
        Effects to take out, one at a time.

    Returns
    -------
    list[Row]
        One row per effect: its name and meaning, the metrics without it, and `worth`, the step time
        with it over that without it, less one.
    """
    capped = with_cap(scenario, row["power_cap_w"])
    params = lower_site(capped, row["chips"])
    point = Point(params, layout_of(row))
    whole = _evaluated(point)["step_time_s"]
    rows = []
    for name in names:
        effect = EFFECTS[name]
        found = _evaluated(effect.edit(point))
        worth = whole / found["step_time_s"] - 1.0
        worth = 0.0 if math.isclose(worth, 0.0, abs_tol=1e-6) else worth
        rows.append({"effect": name, "meaning": effect.meaning, "worth": worth} | found)
    return rows


def _evaluated(point: Point) -> Row:
    return metrics(evaluate_few(point.params, alone(point.layout)))

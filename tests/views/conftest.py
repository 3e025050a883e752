"""Stored results of the kind that `compare` writes, with round numbers, for the figures to draw."""

import numpy as np
import pytest

from perfmodel.results.columns import COLUMNS, POWER_SPLIT, TIME_SPLIT

CURVES = {
    "gigafactory (GB300)": (2_450.0, 0.42, 7.0e5),
    "AI factory (B200)": (1_320.0, 0.44, 4.0e5),
    "JUPITER (GH200)": (520.0, 0.39, 2.4e5),
}
"""Tokens/s of a chip at small size, MFU there, and the size at which half of it is left."""

RULES = {"fixed batch": 1.0, "batch grows to critical": 0.2}
SITES = (
    ("gigafactory", "Llama 3.1 405B", 4.21, 1.0),
    ("AI factory", "Llama 3.1 405B", 9.87, 0.25),
    ("JUPITER", "Llama 3.1 405B", 18.4, 0.1),
    ("gigafactory", "DeepSeek-V3 671B", 3.02, 0.96),
    ("AI factory", "DeepSeek-V3 671B", 6.54, 0.24),
    ("JUPITER", "DeepSeek-V3 671B", np.nan, 0.1),
)
TIME_SHARES = (
    0.47,
    0.09,
    0.07,
    0.0,
    0.1,
    0.0,
    0.05,
    0.0,
    0.01,
    0.012,
    0.07,
    0.06,
    0.02,
    0.028,
    0.02,
)
POWER = (103e6, 14e6, 5e6, 4.2e6, 6.1e6, 2.2e6, 3.4e6, 9.6e6)


@pytest.fixture
def scaling_rows():
    chips = np.geomspace(1_000, 400_000, 10).round()
    lines = []
    for rule, loss in RULES.items():
        for curve, (rate, mfu, half) in CURVES.items():
            for size in chips:
                share = 1.0 / (1.0 + loss * size / half)
                feasible = not (curve.startswith("JUPITER") and size > 150_000)
                lines.append(
                    (curve, rule, "Llama 3.1 405B", size, rate * share, mfu * share, feasible)
                )
    columns = list(zip(*lines, strict=True))
    rows = dict(zip(("curve", "rule", "workload"), map(np.array, columns[:3]), strict=True))
    rows["chips"] = np.array(columns[3])
    rows["tokens_per_s_per_chip"] = np.array(columns[4])
    rows["tokens_per_s"] = rows["tokens_per_s_per_chip"] * rows["chips"]
    rows["mfu"] = np.array(columns[5])
    rows["feasible"] = np.array(columns[6])
    return rows


@pytest.fixture
def site_rows():
    sites, workloads, times, sizes = (np.array(column) for column in zip(*SITES, strict=True))
    rows = {"site": sites, "workload": workloads, "step_time_s": times}
    rows["feasible"] = np.isfinite(times)
    slower = 1.0 + 0.4 * np.arange(len(times))
    for i, name in enumerate(TIME_SPLIT):
        growth = slower if name in {"tensor", "expert", "bubble"} else 1.0
        shares = TIME_SHARES[i] * growth
        rows[COLUMNS[f"time_split.{name}"].key] = times * shares
    total = np.sum([rows[COLUMNS[f"time_split.{name}"].key] for name in TIME_SPLIT], axis=0)
    rows["step_time_s"] = total
    for watts, name in zip(POWER, POWER_SPLIT, strict=True):
        rows[COLUMNS[f"power_split.{name}"].key] = watts * sizes
    rows["site_power_w"] = sum(POWER) * sizes
    rows["provisioned_power_w"] = 1.12 * rows["site_power_w"]
    return rows


@pytest.fixture
def decomposition_rows():
    terms = ("chips", "chip generation", "batch and bubble", "exposed communication", "clock")
    factors = {"fixed batch": (4.0, 1.92, 0.71, 0.93, 0.98)}
    factors["batch grows to critical"] = (4.0, 1.92, 0.97, 0.95, 0.98)
    lines = [
        ("Llama 3.1 405B", rule, term, factor)
        for rule, values in factors.items()
        for term, factor in zip(terms, values, strict=True)
    ]
    names = ("workload", "rule", "term", "factor")
    return dict(zip(names, map(np.array, zip(*lines, strict=True)), strict=True))

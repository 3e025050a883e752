"""Stored runs as a sweep writes them, with smooth numbers that need no model."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from perfmodel.results.canonical import json_text
from perfmodel.results.columns import (
    COLUMNS,
    MEMORY_SPLIT,
    POWER_SPLIT,
    SITE,
    STEP,
    TIME_SPLIT,
)
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance

TITLE = "What the network buys"
CHIPS = np.geomspace(1_024, 262_144, 9)
BANDWIDTHS = np.array([25e9, 50e9, 100e9, 200e9])
NAMES = ("h100", "gb300", "mi300x")
RATES = {"h100": 470.0, "gb300": 1_240.0, "mi300x": 610.0}
TIME = (0.5, 0.1, 0.07, 0.0, 0.08, 0.0, 0.0, 0.0, 0.01, 0.01, 0.09, 0.06, 0.02, 0.03, 0.03)
AXES: tuple[dict[str, Any], ...] = (
    {"key": "site.chips", "label": "chips", "unit": "", "scale": "log", "values": 9},
    {"key": "chip", "label": "chip", "unit": "", "scale": "names", "values": 3},
    {
        "key": "fabric.nic_bandwidth",
        "label": "bandwidth of a network card",
        "unit": "B/s",
        "scale": "log",
        "values": 4,
    },
)
VERSIONS = {"python": "3.11.7", "perfmodel": "0.1.0", "jax": "0.10.2"}
SCENARIO = {"machine": {"chips": 25000, "site": "AI factory"}, "workload": {"tokens": 1.5e7}}
COMMAND = "perfmodel sweep network --out run"


def rows_of(points: Sequence[tuple[float, str, float]]) -> dict[str, Any]:
    """Columns of points (chips, chip, bandwidth): slower with more chips and thinner links."""
    chips = np.array([point[0] for point in points])
    names = [point[1] for point in points]
    bandwidth = np.array([point[2] for point in points])
    share = 1.0 / (1.0 + (chips / 2e5) * (100e9 / bandwidth) ** 0.5)
    rate = np.array([RATES[name] for name in names]) * share
    feasible = ~((np.array(names) == "h100") & (chips < 2_000))
    numbers: dict[str, Any] = {
        "step_time": 16.8e6 / (rate * chips),
        "tokens_per_s_per_chip": rate,
        "mfu": 0.45 * share,
        "hfu": 0.47 * share,
        "memory": 6e10 * share**0.1,
        "memory_fraction": 0.75 * share**0.1,
        "tokens_per_s": rate * chips,
        "chips_used": chips,
        "site_power": 1_400.0 * chips,
        "energy_per_token": 1_400.0 / rate,
        "pue": np.full(len(chips), 1.1),
    }
    rest = 1.0 - share
    for name, part in zip(TIME_SPLIT, TIME, strict=True):
        grown = part + rest * (name == "data")
        numbers[f"time_split.{name}"] = numbers["step_time"] * grown / (1.0 + rest)
    for place, name in enumerate(POWER_SPLIT):
        numbers[f"power_split.{name}"] = numbers["site_power"] / 2.0 ** (place + 1.0)
    for name in MEMORY_SPLIT:
        numbers[f"memory_split.{name}"] = numbers["memory"] / len(MEMORY_SPLIT)
    rows: dict[str, Any] = {
        "point": np.arange(len(points)),
        "site.chips": chips,
        "chip": names,
        "fabric.nic_bandwidth": bandwidth,
        "feasible": feasible,
        "reason": ["" if fits else "out of memory on every legal layout" for fits in feasible],
        "layout": [f"TP8 PP16 DP{int(size / 128)} MB1x16 zero1" for size in chips],
        "tp": np.full(len(chips), 8),
        "pp": np.full(len(chips), 16),
    }
    for column in (*STEP, *SITE):
        if column.name in {"feasible", "reason"}:
            continue
        if column.name == "bottleneck":
            rows[column.key] = [
                "matrix products" if one > 0.5 else "data parallel" for one in share
            ]
            continue
        values = np.asarray(numbers.get(column.name, np.zeros(len(chips))), dtype=np.float32)
        rows[column.key] = np.where(feasible, values, np.float32(np.nan))
    return rows


def grid() -> list[tuple[float, str, float]]:
    """All points of the three axes, the last axis fastest."""
    return [
        (float(chips), name, float(bandwidth))
        for chips, name, bandwidth in product(CHIPS, NAMES, BANDWIDTHS)
    ]


def write_run(
    folder: Path,
    rows: Mapping[str, Any] | None = None,
    chunk: int = 40,
    missing: Sequence[int] = (),
    **changes: Any,
) -> Path:
    """Write a run.

    Parameters
    ----------
    folder
        Its folder.
    rows
        Columns of all points.
    chunk
        Rows of a chunk.
    missing
        Chunks that are not written.
    changes
        Keys of the manifest.
    """
    rows = rows_of(grid()) if rows is None else rows
    points = len(next(iter(rows.values())))
    chunks = -(-points // chunk)
    manifest = {
        "format": 1,
        "title": TITLE,
        "question": "Does a faster network card pay?",
        "site": "ai-factory",
        "workload": "llama3-405b",
        "objective": "throughput",
        "axes": [dict(axis) for axis in AXES],
        "points": points,
        "chunk": chunk,
        "chunks": chunks,
        "inputs": hashlib.sha256(b"inputs").hexdigest(),
        "versions": VERSIONS,
        "device": "cpu",
        "scenario": SCENARIO,
        "command": COMMAND,
        "figure": {
            "x": "site.chips",
            "y": COLUMNS["tokens_per_s"].key,
            "color": "fabric.nic_bandwidth",
            "facet": "chip",
        },
    } | changes
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json_text(manifest) + "\n", "utf-8")
    provenance = Provenance(manifest["command"], "cpu", SCENARIO, VERSIONS)
    for place in range(chunks):
        own = slice(place * chunk, (place + 1) * chunk)
        if place not in missing:
            part = {key: column[own] for key, column in rows.items()}
            write(folder / f"chunk-{place:06d}.parquet", part, provenance)
    return folder

"""Benchmarks on one core, each timed against a probe and held to a baseline."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.gate import Reading, read_baseline, update_baseline

READINGS = pytest.StashKey[list[Reading]]()
FOLDER = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-baseline",
        action="store_true",
        help="take what is measured now as the new bench/baseline.json",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Pin this process to one core while JAX, which sizes its thread pool once, is not there."""
    if "jax" in sys.modules:
        raise pytest.UsageError("benchmarks need a process of their own: pytest bench")
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    config.stash[READINGS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from bench.probe import cpu_seconds

    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.benchmark(timer=cpu_seconds, disable_gc=True))


@pytest.fixture
def gate(request: pytest.FixtureRequest) -> Callable[[str, str, float], None]:
    """Hold a number against its baseline: ``gate(name, kind, value)``."""
    config = request.config

    def check(name: str, kind: str, value: float) -> None:
        reading = Reading(name, kind, value)
        config.stash[READINGS].append(reading)
        fault = reading.fault(read_baseline())
        if fault and not config.getoption("--update-baseline"):
            pytest.fail(fault, pytrace=False)

    return check


@pytest.fixture
def ratio_of(benchmark: Any, gate: Callable[[str, str, float], None]) -> Callable[..., float]:
    """Time a function in units of the probe and hold it to its baseline.

    ``ratio_of(function, name, rounds)`` runs the probe and the function in turn and returns
    the fastest run of the function over the fastest run of the probe. What the function
    returns is waited for.
    """
    import jax

    from bench.probe import probe_seconds

    def measure(function: Callable[[], Any], name: str, rounds: int) -> float:
        probes: list[float] = []
        benchmark.pedantic(
            lambda: jax.block_until_ready(function()),
            setup=lambda: probes.append(probe_seconds()),
            rounds=rounds,
            warmup_rounds=1,
        )
        ratio = benchmark.stats.stats.min / min(probes)
        benchmark.extra_info["ratio"] = ratio
        gate(name, "ratio", ratio)
        return ratio

    return measure


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    baseline = read_baseline()
    terminalreporter.section("benchmarks over the probe, processor time")
    terminalreporter.line(f"{'':32} {'':16} {'measured':>14} {'baseline':>14}   change")
    for reading in config.stash[READINGS]:
        terminalreporter.line(reading.row(baseline))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--update-baseline"):
        update_baseline(session.config.stash[READINGS])

"""The gate closes on what grew, and counters count."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from bench import counters, gate
from bench.gate import BOUNDS, Reading

BASELINE = {"step": {"ratio": 10.0, "compilations": 1, "temporary_bytes": 1000}}


@pytest.mark.parametrize(
    ("kind", "passes", "fails"),
    [("ratio", 14.9, 15.1), ("compilations", 1, 2), ("temporary_bytes", 1099, 1101)],
)
def test_the_gate_closes_above_its_bound(kind, passes, fails):
    assert Reading("step", kind, passes).fault(BASELINE) == ""
    assert kind in Reading("step", kind, fails).fault(BASELINE)


def test_what_has_no_baseline_does_not_pass():
    assert "--update-baseline" in Reading("search", "ratio", 1.0).fault(BASELINE)


def test_an_update_keeps_what_was_not_measured(tmp_path, monkeypatch):
    path = tmp_path / "baseline.json"
    path.write_text(json.dumps(BASELINE))
    monkeypatch.setattr(gate, "BASELINE", path)
    gate.update_baseline([Reading("step", "ratio", 9.87654), Reading("search", "ratio", 3.0)])
    known = gate.read_baseline()
    assert known["step"] == {**BASELINE["step"], "ratio": 9.877}
    assert known["search"] == {"ratio": 3.0}


def test_the_stored_baseline_holds_kinds_that_the_gate_knows():
    for kinds in gate.read_baseline().values():
        assert set(kinds) <= set(BOUNDS)
        assert all(value > 0 for kind, value in kinds.items() if kind != "compilations")


def test_each_program_is_counted_once():
    @jax.jit
    def double(x):
        return 2 * x

    x, y = jnp.ones(3), jnp.ones(4)
    with counters.compilations() as seen:
        double(x)
        double(x)
        first = seen.count
        double(y)
    assert (first, seen.count) == (1, 2)
    double(jnp.ones(5))
    assert seen.count == 2


def test_a_program_that_keeps_a_table_needs_its_bytes():
    def spread(x):
        return jnp.sort(jnp.sin(x[:, None] * x[None, :]), axis=1).sum()

    compiled = jax.jit(spread).lower(jnp.ones(256, jnp.float32)).compile()
    assert counters.temporary_bytes(compiled) >= 256 * 256 * 4


def test_a_benchmark_pins_one_core_and_fails_without_a_baseline(tmp_path):
    root = Path(__file__).parents[2]
    folder = tmp_path / "bench"
    folder.mkdir()
    for name in ("conftest.py", "gate.py", "probe.py"):
        (folder / name).write_text((root / "bench" / name).read_text())
    (folder / "bench_nothing.py").write_text(
        textwrap.dedent(
            """
            import os

            def test_nothing(ratio_of):
                assert len(os.sched_getaffinity(0)) == 1
                ratio_of(lambda: sum(range(10_000)), "nothing", rounds=3)
            """
        )
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\npython_files=bench_*.py\npythonpath=.\n")
    command = [sys.executable, "-m", "pytest", "bench", "--benchmark-only"]

    alone = {name: text for name, text in os.environ.items() if "XDIST" not in name}

    def run(*options):
        done = subprocess.run(
            [*command, *options], cwd=tmp_path, env=alone, capture_output=True, check=False
        )
        return done.returncode, done.stdout.decode()

    status, text = run()
    assert status == 1
    assert "nothing: no ratio in baseline.json; run with --update-baseline" in text
    status, text = run("--update-baseline")
    assert status == 0, text
    ratio = json.loads((folder / "baseline.json").read_text())["nothing"]["ratio"]
    (folder / "baseline.json").write_text(json.dumps({"nothing": {"ratio": ratio / 10}}))
    status, text = run()
    assert status == 1
    assert "nothing: ratio" in text

"""A sweep: its points are those of single estimates, its files those of any way to compute them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from perfmodel.config.axes import Sampling
from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.results.run_folder import Shard, opened
from perfmodel.studies.best_layout import best_row
from perfmodel.studies.power_limit import limited_row
from perfmodel.studies.sweep import (
    chunk_bytes,
    command_of,
    compute_here,
    label_of,
    manifest,
    run,
    summary,
)
from perfmodel.studies.sweep_plan import SweepQuestion, plan
from perfmodel.studies.sweep_points import sweep_columns

NAMED = SweepQuestion(
    "ai-factory",
    "llama3-8b",
    ("layout.tp=2", "layout.pp=1,3", "chip=h100,gb200", "node.nic_bandwidth=25 GB/s,50 GB/s",
     "site.chips=512,1000"),
)  # fmt: skip


def test_points_with_a_named_layout_are_single_estimates():
    asked = plan(NAMED)
    columns = sweep_columns(asked, 0, asked.points)
    library = Library()
    assert columns["feasible"].any()
    for point in range(asked.points):
        moved = [f"{c.path}={c.text(int(place))}" for axis, place in
                 zip(asked.axes, asked.places(point, point + 1)[:, 0], strict=True)
                 for c in axis.columns]  # fmt: skip
        scenario = library.scenario("ai-factory", "llama3-8b", overrides=("layout.tp=2", *moved))
        row = best_row(scenario)
        if columns["reason"][point]:
            assert columns["reason"][point] == "a stage without layers"
            assert np.isnan(columns["step_time_s"][point])
            continue
        assert columns["layout"][point] == row["layout"]
        for key in ("step_time_s", "site_power_w", "memory_fraction", "mfu"):
            assert columns[key][point] == pytest.approx(row[key], rel=1e-5)


def test_points_without_a_layout_are_best_ones():
    texts = ("site.chips=64,128", "workload.batch.sequences=64")
    asked = plan(SweepQuestion("ai-factory", "llama3-8b", texts))
    columns = sweep_columns(asked, 0, 2)
    for point, chips in enumerate((64, 128)):
        own = (f"site.chips={chips}", "workload.batch.sequences=64")
        row = limited_row(Library().scenario("ai-factory", "llama3-8b", overrides=own)).row
        assert columns["layout"][point] == row["layout"]
        assert columns["tokens_per_s"][point] == pytest.approx(row["tokens_per_s"], rel=1e-6)
        assert columns["layouts"][point] == row["points"]
        assert columns["tokens_per_s_low"][point] == pytest.approx(
            row["tokens_per_s_low"], rel=1e-5
        )
        assert columns["extrapolated"][point] == row["extrapolated"]


def test_the_last_axis_is_the_fastest():
    asked = plan(NAMED)
    values = asked.values(0, asked.points)
    assert values["site.chips"][:4].tolist() == [512, 1000, 512, 1000]
    assert values["layout.pp"][[0, 7, 8]].tolist() == [1, 1, 3]


def test_any_cut_into_files_gives_the_same_rows():
    asked = plan(NAMED)
    whole = sweep_columns(asked, 0, asked.points)
    parts = [sweep_columns(asked, start, min(start + 5, asked.points)) for start in (0, 5, 10, 15)]
    for key, column in whole.items():
        joined = np.concatenate([part[key] for part in parts])
        np.testing.assert_array_equal(joined, column, err_msg=key)


def test_the_same_chunk_has_the_same_bytes():
    assert chunk_bytes(NAMED, 0) == chunk_bytes(NAMED, 0)


def test_shards_make_the_files_of_one_run(tmp_path: Path):
    question = NAMED._replace(chunk=3)
    asked = plan(question)
    told = manifest(asked, "cpu", {})
    with opened(tmp_path / "one", told) as folder:
        run(asked, folder, compute_here, lambda _: None)
        found = summary(asked, folder, 2)
    for number in range(4):
        with opened(tmp_path / "four", told, Shard(number, 4)) as folder:
            run(asked, folder, compute_here, lambda _: None)
    files = sorted(path.name for path in (tmp_path / "one").glob("*.parquet"))
    assert len(files) == asked.chunks == 6
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "four" / name).read_bytes()
    assert found.points == asked.points
    assert sum(found.reasons.values()) == found.points - found.feasible
    assert found.best[0]["tokens_per_s"] >= found.best[1]["tokens_per_s"]


def test_files_know_their_units_and_where_they_come_from(tmp_path: Path):
    (tmp_path / "chunk.parquet").write_bytes(chunk_bytes(NAMED, 0))
    schema = pq.read_schema(tmp_path / "chunk.parquet")
    assert schema.field("node.nic_bandwidth").metadata[b"unit"] == b"B/s"
    assert schema.field("step_time_s").metadata[b"unit"] == b"s"
    assert schema.metadata[b"perfmodel.command"].decode() == command_of(NAMED)


def test_conditions_make_points_infeasible_with_a_reason():
    asked = plan(NAMED._replace(where=("mfu>=0.99",)))
    columns = sweep_columns(asked, 0, asked.points)
    assert not columns["feasible"].any()
    assert "outside the conditions" in set(columns["reason"])


def test_drawn_points_are_within_their_ends():
    texts = ("layout.tp=2", "node.nic_bandwidth=loguniform(10 GB/s, 100 GB/s)",
             "chip=choice(h100,gb200)", "site.chips=512")  # fmt: skip
    asked = plan(SweepQuestion("ai-factory", "llama3-8b", texts, Sampling(32, 7)))
    columns = sweep_columns(asked, 0, asked.points)
    assert asked.points == 32
    assert ((columns["node.nic_bandwidth"] >= 10e9) & (columns["node.nic_bandwidth"] <= 1e11)).all()
    assert set(columns["chip"]) == {"h100", "gb200"}
    assert columns["feasible"].all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chip=h100,gh100", 'did you mean "h100"'),
        ("site.chips=8,-8", "site.chips = -8"),
        ("fabric.failed_links=0,1.5", "fabric.failed_links = 1.5"),
        ("site.chips=512", "site.chips: is given twice"),
    ],
)
def test_a_value_that_no_field_takes_is_refused_before_anything_runs(text: str, said: str):
    more = ("site.chips=1,2",) if text == "site.chips=512" else ()
    with pytest.raises(Faults) as error:
        plan(SweepQuestion("ai-factory", "llama3-8b", (text, *more)))
    assert said in str(error.value)


def test_inputs_are_told_apart_by_their_fingerprint():
    asked = plan(NAMED)
    assert asked.fingerprint() == plan(NAMED).fingerprint()
    other = NAMED._replace(texts=(*NAMED.texts[:-1], "site.chips=512,1001"))
    assert asked.fingerprint() != plan(other).fingerprint()
    assert asked.fingerprint() != plan(NAMED._replace(objective="energy")).fingerprint()


def test_the_command_of_a_run_asks_the_same_question():
    from perfmodel.commands.sweep_question import Given, asked

    question = NAMED._replace(chunk=5, where=("pp<=4",), objective="energy")
    import shlex

    words = shlex.split(command_of(question))
    first, *texts = words[2 : 4 + len(question.texts)]
    given = Given(first, texts, 0, 0, 0, "energy", None, ["pp<=4"], 5, [])
    assert asked(given).question == question


def test_fields_are_called_by_their_last_words():
    assert label_of("node.nic_bandwidth") == "node nic bandwidth"
    assert label_of("site.chips") == "chips"
    assert label_of("chip.power.power_cap") == "power cap"
    assert label_of("fabric.level.2.oversubscription") == "level oversubscription"
    assert label_of("chip") == "chip"


@pytest.mark.slow
def test_eight_devices_make_the_files_of_two() -> None:
    code = (
        "import sys, hashlib\n"
        "from tests.studies.test_sweep import NAMED\n"
        "from perfmodel.studies.sweep import chunk_bytes\n"
        "question = NAMED._replace(texts=(*NAMED.texts, 'chip.memory.bandwidth="
        "linspace(2 TB/s, 9 TB/s, 400)'))\n"
        "print(hashlib.sha256(chunk_bytes(question, 0)).hexdigest())"
    )
    found = set()
    for count in (2, 8):
        flags = f"--xla_force_host_platform_device_count={count}"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_few_shapes_are_held_and_many_are_not():
    from perfmodel.spaces.layouts import USUAL
    from perfmodel.studies.best_layout import generated, job

    asked = job(Library().scenario("ai-factory", "llama3-8b"), 64, 64)
    assert generated(asked, None)[1] is generated(asked, None)[1]
    assert not isinstance(generated(asked, USUAL)[1], list)

"""The step of an estimate laid out over time, its table, file and figure."""

import json
from pathlib import Path

import numpy as np
import pytest

from perfmodel import cli
from perfmodel.config.library import Library
from perfmodel.results.parquet import read
from perfmodel.studies.power_limit import limited_row
from perfmodel.studies.timeline import PHASES, Laid, lay_out
from perfmodel.views.figures import stage_timeline
from perfmodel_kernels import timeline as kernel

ASKED = ("site.chips=64", "layout.tp=4", "layout.pp=4", "layout.micro_batch=1")


@pytest.fixture(scope="module")
def laid() -> tuple[dict, Laid]:
    scenario = Library().scenario("ai-factory", "gpt3-175b", overrides=ASKED)
    row = dict(limited_row(scenario).row)
    return row, lay_out(scenario, row)


def test_phases_have_the_codes_of_the_kernel():
    assert len(PHASES) == kernel.PHASES
    for name in ("bubble", "recompute", "tensor", "data", "optimizer", "overhead"):
        assert PHASES.index(name) == getattr(kernel, name.upper())


def test_every_stage_fills_the_step_without_a_gap(laid):
    row, found = laid
    assert len(found.stages) == row["pp"]
    for stage in range(len(found.stages)):
        mine = [one for one in found.segments if one["stage"] == stage]
        assert sum(one["duration_s"] for one in mine) == pytest.approx(found.step, rel=1e-4)
        starts = np.array([one["start_s"] for one in mine])
        ends = starts + np.array([one["duration_s"] for one in mine])
        np.testing.assert_allclose(starts[1:], ends[:-1], atol=1e-4 * found.step)


def test_the_step_is_close_to_the_estimate_and_uneven_stages_cost_a_little(laid):
    row, found = laid
    assert found.step == pytest.approx(row["step_time_s"], rel=0.05)


def test_the_figure_has_a_bar_for_every_segment(laid):
    _, found = laid
    rows = {key: [one[key] for one in found.segments] for key in found.segments[0]}
    axes, beginning = stage_timeline.draw(rows, "caption").axes
    assert beginning.get_xlabel() == "time [s]"
    assert beginning.get_xlim()[1] < 0.5 * axes.get_xlim()[1]
    assert axes.get_ylabel() == "pipeline stage"
    drawn = sum(len(bars.get_paths()) for bars in axes.collections)
    assert drawn == len(found.segments)
    assert axes.get_xlim()[1] == pytest.approx(found.step, rel=1e-4)
    assert set(stage_timeline.COLORS) == set(PHASES)


def test_the_verb_prints_the_stages_and_writes_what_it_says(tmp_path: Path, capsys):
    asked = ["estimate", "ai-factory", "gpt3-175b", *ASKED, "--timeline", "--out", str(tmp_path)]
    assert cli.run([*asked, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["timeline"]["stages"]) == 4
    names = {Path(path).name for path in answer["files"]}
    assert names == {f"estimate_timeline.{end}" for end in ("parquet", "png", "svg")}
    stored = read(tmp_path / "estimate_timeline.parquet").rows
    assert len(stored["phase"]) == len(answer["timeline"]["segments"])

"""Pipelines played slot by slot against the closed forms of a search."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.engine.run import evaluate_few
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.layouts import alone
from perfmodel.studies import scanned
from perfmodel.studies.best_layout import Row, layout_row
from perfmodel.studies.scanned import STEADY, decided, scanned_step_time
from perfmodel_kernels.step_parts import StepParams

OVERRIDES = ("site.chips=512", "layout.tp=8")


def _row(*more: str, stages: int = 8) -> tuple[StepParams, Row]:
    own = (f"layout.pp={stages}", f"layout.dp={64 // stages}")
    scenario = Library().scenario("selene", "gpt3-175b", overrides=[*OVERRIDES, *own, *more])
    assert scenario.layout is not None
    params = lower_site(scenario)
    batch = scenario.workload.batch.sequences
    layout = lower_layout(scenario.layout, 512, batch, scenario.model.layers)
    return params.step, layout_row(evaluate_few(params, alone(layout)), layout)


@pytest.mark.parametrize("more", [(), ("layout.schedule=zero-bubble",), ("layout.vpp=4",)])
def test_the_closed_form_is_near_what_is_played(more: tuple[str, ...]) -> None:
    params, row = _row(*more)
    assert scanned_step_time(params, row) == pytest.approx(row["step_time_s"], rel=0.05)


def test_many_micro_batches_go_on_as_the_first_ones_end(monkeypatch: pytest.MonkeyPatch) -> None:
    params, row = _row("workload.batch.sequences=768")
    assert row["micro_batches"] == 96 > (STEADY + 1) * 16
    whole = scanned_step_time(params, row)
    monkeypatch.setattr(scanned, "STEADY", 100)
    assert scanned_step_time(params, row) == pytest.approx(whole, rel=1e-5)


def test_one_stage_has_nothing_to_play() -> None:
    params, row = _row(stages=1)
    assert scanned_step_time(params, row) == pytest.approx(row["step_time_s"], rel=1e-4)


def test_the_faster_in_play_comes_first() -> None:
    params, row = _row()
    slow = row | {"layout": "slow", "tokens_per_s": row["tokens_per_s"] * 0.9}
    names = [one["layout"] for one in decided(params, [slow, row])]
    assert names == [row["layout"], "slow"]
    assert np.isfinite([one["scanned_step_time_s"] for one in decided(params, [row])]).all()

"""Published training runs: errors of the shipped families, simpler models, files of one's own."""

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from perfmodel.config.intervals import shipped_intervals
from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.engine.run import compiled_once
from perfmodel.lowering.published_run import configs
from perfmodel.studies import run_intervals
from perfmodel.studies.frozen_weights import frozen_step_time
from perfmodel.studies.gate import check, read_gate
from perfmodel.studies.judged import Judged, Judgement, scored
from perfmodel.studies.measured_envelope import Job, unmeasured
from perfmodel.studies.run_baselines import CONSTANT, ROOFLINE, WITH_BUBBLE, best_factor
from perfmodel.studies.run_memory import PEAK, REFUSED, judge_run_memory
from perfmodel.studies.run_predictions import (
    CHUNK,
    Predictions,
    first_order,
    lowered_rows,
    metrics_of,
    predict,
    sensitivities,
)
from perfmodel.studies.runs_validation import PARTIAL, WRONG, judge_runs
from perfmodel.studies.validate import RUN_FILES, SETS
from perfmodel_kernels.step import training_step

SHIPPED = Library()
FILES = [shipped_measurements(name) for name in RUN_FILES]
GATE = shipped_measurements("gate.toml")
SMALL = shipped_measurements("runs/google_tpu.csv")


@pytest.fixture(scope="module")
def judged() -> Judged:
    return judge_runs(FILES, SHIPPED)


@pytest.fixture(scope="module")
def memory() -> Judged:
    return judge_run_memory(FILES, SHIPPED)


@pytest.fixture(scope="module")
def small() -> Predictions:
    return predict([SMALL], SHIPPED)


def own(tmp_path: Path, text: str) -> Judged:
    path = tmp_path / "own.csv"
    path.write_text(text, "utf-8")
    return judge_runs([path], SHIPPED)


def everything(judged: Judged) -> Iterator[Judgement]:
    yield from judged.rows
    for rows in judged.apart.values():
        yield from rows


def test_every_file_that_ships_is_a_family():
    folder = FILES[0].parent
    assert {path.name for path in folder.glob("*.csv")} == {path.name for path in FILES}


def test_at_most_three_in_a_hundred_rows_are_skipped(judged):
    figures = scored(judged).figures
    assert figures.rows > 1900
    assert figures.skipped <= 0.03 * figures.rows
    assert all(row.skipped for row in judged.rows if row.predicted != row.predicted)


def test_every_measured_row_is_judged_or_stands_apart_with_a_reason(judged):
    rows = list(everything(judged))
    assert len(rows) + sum(judged.excluded.values()) == 2611
    assert set(judged.apart) >= {WRONG, PARTIAL}
    assert all(np.isfinite(row.measured) and row.measured > 0.0 for row in rows)


def test_predictions_are_finite_and_near_what_was_measured(judged):
    predicted = np.array([row.predicted for row in judged.rows if not row.skipped])
    measured = np.array([row.measured for row in judged.rows if not row.skipped])
    assert np.isfinite(predicted).all()
    assert (np.abs(np.log(predicted / measured)) < np.log(8.0)).all()


def test_errors_stay_below_the_bounds_of_the_gate(judged, memory):
    gate = read_gate(GATE, SETS)
    assert {"runs", "memory"} <= set(gate)
    failures = check({"runs": judged, "memory": memory}, gate)
    assert not failures, "\n".join(map(str, failures))


def test_the_model_is_better_than_one_constant_on_the_same_rows(judged):
    ours = scored(judged)
    for name in (CONSTANT, WITH_BUBBLE, ROOFLINE):
        other = scored(judged, baseline=name)
        assert other.figures.predicted == ours.figures.predicted
        assert ours.macro_mape < other.macro_mape
        assert ours.figures.pairwise_order > other.figures.pairwise_order


def test_no_run_is_faster_than_its_roofline(judged):
    for row in judged.rows:
        if not row.skipped:
            # clocks above that of the specification and packed kernels gain at most a few percent
            assert row.baselines[ROOFLINE] < 1.02 * row.predicted, row.id


def test_the_best_constant_is_the_weighted_median():
    plain, measured = np.array([1.0, 1.0, 1.0]), np.array([2.0, 3.0, 100.0])
    chosen = np.ones(3, bool)

    def error(factor: float) -> float:
        return float(np.abs(factor * plain / measured - 1.0).mean())

    best = best_factor(plain, measured, chosen)
    assert error(best) <= min(error(factor) for factor in np.linspace(0.5, 120.0, 2000)) + 1e-12
    assert best_factor(plain, measured, np.zeros(3, bool)) == 1.0


def test_rows_of_one_program_are_those_of_single_steps(small):
    assert small.lowered is not None
    assert small.metrics is not None
    params, layouts = small.lowered
    single = compiled_once(training_step)
    for place in (0, 7, 20):
        one = jax.tree.map(lambda leaf, at=place: np.float32(leaf[at]), (params, layouts))
        step = single(*one).step_time
        assert np.asarray(small.metrics.step_time)[place] == pytest.approx(float(step), rel=1e-4)


def test_rows_beyond_a_chunk_are_all_evaluated(small):
    assert small.lowered is not None
    repeated = jax.tree.map(lambda leaf: np.concatenate([leaf] * 12), tuple(small.lowered))
    times = np.asarray(metrics_of(*repeated).step_time)
    rows = len(small.modelled)
    assert len(times) == 12 * rows > CHUNK
    np.testing.assert_allclose(times[-rows:], times[:rows], rtol=1e-6)


@pytest.mark.slow
def test_a_sensitivity_is_what_a_small_change_does():
    rows = lowered_rows([SMALL], SHIPPED)
    found = sensitivities(rows.params, rows.layouts)
    step = 0.01
    chip = rows.params.chip._replace(hbm=np.asarray(rows.params.chip.hbm) * (1.0 + step))
    changed = metrics_of(rows.params._replace(chip=chip), rows.layouts).step_time
    gradient = np.asarray(found.gradient.chip.hbm) * np.asarray(rows.params.chip.hbm)
    expected = (np.log(np.asarray(changed)) - found.log_time) / np.log1p(step)
    np.testing.assert_allclose(gradient, expected, atol=4e-3)
    assert (gradient < 0.0).all()


@pytest.mark.slow
def test_a_small_change_of_a_config_is_felt_to_first_order():
    rows = lowered_rows([SMALL], SHIPPED)
    v6e = SHIPPED.load("chips", "tpu-v6e")
    share = v6e.efficiency.gemm_16bit * 1.005
    efficiency = v6e.efficiency.model_copy(update={"gemm_16bit": share})
    better = configs(SHIPPED, chips={"tpu-v6e": v6e.model_copy(update={"efficiency": efficiency})})
    changed = rows.with_configs(better)
    found = sensitivities(rows.params, rows.layouts)
    change = first_order(found, rows.params, changed.params)
    exact = np.log(np.asarray(metrics_of(changed.params, rows.layouts).step_time)) - found.log_time
    np.testing.assert_allclose(change, exact, atol=1e-4)
    its = np.array([run.parts.chip == "tpu-v6e" for run in rows.runs])
    assert (change[its] < -1e-3).all()
    assert (change[~its] == 0.0).all()


def test_a_calibration_can_change_a_chip_without_reading_rows_again():
    rows = lowered_rows([SMALL], SHIPPED)
    v5p = SHIPPED.load("chips", "tpu-v5p")
    memory = v5p.memory.model_copy(update={"bandwidth": 0.5 * v5p.memory.bandwidth})
    slow = configs(SHIPPED, chips={"tpu-v5p": v5p.model_copy(update={"memory": memory})})
    before = metrics_of(rows.params, rows.layouts).step_time
    after = metrics_of(rows.with_configs(slow).params, rows.layouts).step_time
    its = np.array([run.parts.chip == "tpu-v5p" for run in rows.runs])
    ratio = np.asarray(after) / np.asarray(before)
    assert (ratio[its] > 1.001).all()
    assert (ratio[~its] == 1.0).all()


def test_composed_values_weigh_less_and_frozen_weights_are_not_fitted():
    names = ("vtrain_multi", "nvidia_nemo_docs", "vtrain_single")
    rows = lowered_rows([shipped_measurements(f"runs/{name}.csv") for name in names], SHIPPED)
    single = np.array(rows.families) == "vtrain_single"
    assert rows.weights[single].sum() == pytest.approx(200.0)
    assert (rows.weights[~single] == 1.0).all()
    assert all(run.row.workload_kind != "lora" for run in rows.runs)
    assert np.isfinite(rows.measured).all()


def test_frozen_weights_save_a_third_of_the_products_and_all_of_the_reduction(small):
    assert small.metrics is not None
    split = small.metrics.time_split
    whole = np.sum([np.asarray(part, float) for part in split], axis=0)
    frozen = frozen_step_time(split)
    gone = np.asarray(split.data, float) + np.asarray(split.optimizer, float)
    assert (frozen <= whole - gone - np.asarray(split.matrix) / 3.0 + 1e-6 * whole).all()
    assert (frozen >= (1.0 - 1.0 / 3.0) * (whole - gone)).all()


def test_memory_is_judged_beside_and_a_refused_run_to_one_side(memory):
    kinds = scored(memory, "kind").groups
    assert kinds[PEAK].predicted > 150
    assert kinds[REFUSED].predicted > 20
    assert kinds[REFUSED].bias <= 0.0
    refused = [row for row in memory.rows if row.groups["kind"] == REFUSED and not row.skipped]
    assert all(row.predicted <= row.measured for row in refused)


def test_an_interval_holds_its_prediction_and_grows_with_what_is_not_known(small, monkeypatch):
    assert small.lowered is not None
    assert small.metrics is not None
    times = np.asarray(small.metrics.step_time, float)
    spread = run_intervals.log_spread(small.lowered, times)
    low, high = run_intervals.interval(times, spread, 2.0)
    assert (low < times).all()
    assert (times < high).all()
    assert (spread > run_intervals.REPEATS).all()
    # 12 % on the products of a step that is products for the most part
    assert 0.06 < np.median(spread) < 0.20
    monkeypatch.setattr(run_intervals, "SPREADS", {})
    alone = run_intervals.log_spread(small.lowered, times)
    np.testing.assert_allclose(alone, run_intervals.REPEATS)


def test_an_interval_is_wider_where_no_run_was_measured():
    known = Job("H100 SXM5 80GB", "NeMo 2025", False, 512, 8192)
    assert not unmeasured(known, shipped_intervals().envelope)
    said = unmeasured(known._replace(chip="R200", chips=100_000), shipped_intervals().envelope)
    assert said[0] == "chip R200"
    assert said[1].startswith("100,000 chips (runs of dense models: to ")
    inside, outside = run_intervals.half_widths([known, known._replace(chip="R200")])
    assert inside < outside


def test_every_prediction_has_an_interval(judged):
    predicted = [row for row in judged.rows if not row.skipped]
    assert all(row.low < row.predicted < row.high for row in predicted)


def test_a_file_of_ones_own_needs_few_columns(tmp_path):
    text = (
        "chip,chips,layers,hidden,vocab,seq_len,gbs,tokens_per_s_per_chip\n"
        "H100,8,32,4096,128256,8192,64,9000\n"
        "abacus,8,32,4096,128256,8192,64,9000\n"
    )
    known, unknown = own(tmp_path, text).rows
    assert 3.0 < known.predicted < 20.0
    assert known.measured == pytest.approx(64 * 8192 / 72000)
    assert "abacus" in unknown.skipped


def test_a_file_without_a_row_that_is_modelled_is_all_skipped(tmp_path):
    found = own(tmp_path, "step_s,layers\n1,32\n")
    assert scored(found).figures[:3] == (1, 0, 1)

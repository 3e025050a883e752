"""Intervals of families of runs that a fit left out."""

from typing import Any

import numpy as np
import pytest

from perfmodel.config.intervals import shipped_intervals
from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.conformal import left_out_coverage, widths
from perfmodel.studies.folds import FAMILIES, folds
from perfmodel.studies.intervals_calibration import coverage_note, left_out_scores
from perfmodel.studies.run_knobs import Knob, all_knobs
from perfmodel.studies.run_predictions import lowered_rows
from perfmodel.studies.runs_search import left_out_times, problem_of
from perfmodel.studies.validate import RUN_FILES

pytestmark = pytest.mark.slow

LIBRARY = Library()


def shipped_value(knob: Knob) -> float:
    value: Any = LIBRARY.load(knob.kind, knob.name)
    for part in knob.field.path:
        value = getattr(value, str(part))
    return value


@pytest.fixture(scope="module")
def scores():
    rows = lowered_rows([shipped_measurements(file) for file in RUN_FILES], LIBRARY)
    problem = problem_of(rows, LIBRARY, all_knobs())
    logs = np.log([shipped_value(knob) for knob in problem.knobs])
    times = left_out_times(problem, logs, folds(rows)[FAMILIES])
    return left_out_scores(problem, logs, times)


def test_intervals_hold_nine_tenths_of_families_left_out(scores):
    covered = left_out_coverage(scores)
    assert 0.85 <= np.mean(list(covered.values())) <= 0.95


def test_the_shipped_widths_are_those_of_the_shipped_values(scores):
    found, stated = widths(scores), shipped_intervals().width
    for name, value in found._asdict().items():
        assert value == pytest.approx(getattr(stated, name), rel=0.05)


def test_the_note_says_each_family(scores):
    said = coverage_note(scores)
    assert all(family in said for family in set(scores.families.tolist()))

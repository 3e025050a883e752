"""Conditions on rows of a run."""

from pathlib import Path

import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.results.dataset import Run, open_run
from tests.results.stored_runs import write_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(write_run(tmp_path))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mfu>=0.4", [False, True, True, False]),
        ("mfu > 0.4", [False, False, True, False]),
        ("mfu<0.4", [True, False, False, False]),
        ("mfu<=40 %", [True, True, False, False]),
        ("mfu==0.4", [False, True, False, False]),
        ("mfu!=0.4", [True, False, True, True]),
    ],
)
def test_a_number_stored_with_seven_digits_equals_its_limit(
    run: Run, text: str, kept: list[bool]
) -> None:
    (condition,) = run.conditions([text])
    values = np.array([0.3, 0.4, 0.5, np.nan], dtype=np.float32)
    np.testing.assert_array_equal(condition.met(values), kept)


def test_limits_have_units(run: Run) -> None:
    conditions = run.conditions(
        ["fabric.nic_bandwidth<400 Gb/s", "site_power_w<=50 MW", "site.chips>1e3"]
    )
    assert [one.limit for one in conditions] == [50e9, 50e6, 1000.0]


def test_names_and_flags_are_the_same_or_not(run: Run) -> None:
    names = np.array(["h100", "gb300"], dtype=object)
    same, other, quoted, flag = run.conditions(
        ["chip=h100", "chip!=h100", 'chip=="h100"', "feasible=yes"]
    )
    assert same.met(names).tolist() == quoted.met(names).tolist() == [True, False]
    assert other.met(names).tolist() == [False, True]
    assert flag.met(np.array([True, False])).tolist() == [True, False]


def test_every_text_that_is_no_condition_is_said(run: Run) -> None:
    texts = ["mfu", "mfu>=", "mfx>0.1", "chip>h100", "feasible=perhaps", "mfu>nan"]
    texts += ["fabric.nic_bandwidth>5 W", "fabric.nic_bandwidth>fast"]
    with pytest.raises(Faults) as caught:
        run.conditions(texts)
    form = "COLUMN>=VALUE or COLUMN=NAME, such as mfu>=0.4 or chip=h100"
    said = str(caught.value).splitlines()
    assert said[:6] == [
        f'--where = "mfu": is not a condition; expected {form}',
        f'--where = "mfu>=": is not a condition; expected {form}',
        '--where = "mfx>0.1": the run has no column "mfx"; did you mean "mfu"?',
        '--where = "chip>h100": names have no order, chip holds names; '
        "expected chip=NAME or chip!=NAME",
        '--where = "feasible=perhaps": not a flag; expected one of "yes", "true", "no", "false"',
        '--where = "mfu>nan": not a finite number; expected a number',
    ]
    assert said[6].startswith('--where = "fabric.nic_bandwidth>5 W": ')
    assert said[7].startswith('--where = "fabric.nic_bandwidth>fast": no number')
    assert len(said) == 8

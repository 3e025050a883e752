"""Conditions on results."""

import pytest

from perfmodel.studies.requirement import parse_requirements, unmet

ROW = {"site": "A", "workload": "w", "mfu": 0.41, "site_power_w": 1e8}


def test_a_condition_that_holds_says_nothing() -> None:
    assert unmet(parse_requirements(["mfu>=0.4", "site_power_w<1.5e8"]), [ROW]) == []


def test_a_condition_that_fails_names_the_row_and_the_value() -> None:
    assert unmet(parse_requirements(["mfu > 0.5"]), [ROW]) == [
        "mfu > 0.5 does not hold for A, w: mfu is 0.41"
    ]


def test_a_missing_number_meets_no_condition() -> None:
    assert unmet(parse_requirements(["mfu>=0"]), [ROW | {"mfu": float("nan")}])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mfu", "expected COLUMN>=NUMBER"),
        ("mfu>=1.2.3", "expected COLUMN>=NUMBER"),
        ("mfu>=__import__('os')", "expected COLUMN>=NUMBER"),
        ("mfo>=0.4", 'did you mean "mfu"?'),
    ],
)
def test_a_text_that_is_no_condition_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="--require") as fault:
        parse_requirements([text, "mfu>=0.1"])
    assert said in str(fault.value)

"""The gate: what is read from its file, and which bounds fail."""

from pathlib import Path

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import shipped
from perfmodel.studies.gate import check, read_gate
from perfmodel.studies.judged import Judged, Judgement
from perfmodel.studies.validate import SETS

KNOWN = {"collectives": None, "power": None}


def judged(*rows: tuple[str, str, float]) -> Judged:
    """Rows by system, split and relative error, which is none where the row is skipped."""
    found = [
        Judgement(
            f"row-{place}",
            10.0,
            10.0 * (1.0 + error),
            groups={"system": system, "split": split},
            pair="all",
        )
        for place, (system, split, error) in enumerate(rows)
    ]
    return Judged(found, "completion time", "s", "system")


SET = judged(("Alps", "fit", 0.05), ("Alps", "check", -0.20), ("Node", "check", 0.01))


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def gate(text: str):
        path = tmp_path / "gate.toml"
        path.write_text(text, "utf-8")
        return read_gate(path, KNOWN)

    return gate


def said(judged: Judged, gate) -> list[str]:
    return [str(failure) for failure in check({"collectives": judged}, gate)]


def test_bounds_that_hold_are_silent(gate):
    bounds = gate(
        '[collectives."Alps"]\nmedian_ape = 0.13\nbias = 0.08\n[collectives.all]\nmape=1\n'
    )
    assert said(SET, bounds) == []


def test_every_figure_that_fails_is_said_with_its_bound(gate):
    bounds = gate('[collectives."Alps"]\nmedian_ape = 0.12\nbias = 0.07\nmape = 0.2\n')
    assert said(SET, bounds) == [
        'collectives, "Alps": median_ape is 0.125, above its bound of 0.12',
        'collectives, "Alps": bias is 0.075, above its bound of 0.07',
    ]


def test_a_bias_counts_either_way(gate):
    low = judged(("Alps", "fit", -0.3))
    assert "bias is 0.3" in said(low, gate("[collectives.Alps]\nbias = 0.2\n"))[0]


def test_a_group_without_judged_rows_fails(gate):
    bounds = gate('[collectives."Nowhere"]\nmape = 1.0\n[collectives."Skipped"]\nmape = 1.0\n')
    rows = judged(("Alps", "fit", 0.0), ("Skipped", "fit", float("nan")))
    assert said(rows, bounds) == [
        f'collectives, "{name}": the gate names this group, but it has no judged rows'
        for name in ("Nowhere", "Skipped")
    ]


def test_a_group_of_another_grouping_is_named_with_it(gate):
    bounds = gate('[collectives."split=check"]\nmape = 0.1\n')
    assert said(SET, bounds) == [
        'collectives, "split=check": mape is 0.105, above its bound of 0.1'
    ]


def test_least_bounds_and_shares_of_skipped_rows(gate):
    rows = judged(("Alps", "fit", 0.1), ("Alps", "fit", float("nan")))
    bounds = gate("[collectives.all]\nskipped = 0.03\npairwise_order = 0.9\nmacro_mape = 0.5\n")
    assert said(rows, bounds) == [
        'collectives, "all": skipped is 0.5, above its bound of 0.03',
        'collectives, "all": macro_mape does not exist, its bound is 0.5',
        'collectives, "all": pairwise_order does not exist, its bound is 0.9',
    ]


def test_sets_that_were_not_validated_are_passed_over(gate):
    assert said(SET, gate('[power."HPL"]\nmape = 0.001\n')) == []


def test_every_fault_of_a_gate_comes_with_its_line(gate):
    with pytest.raises(Faults) as caught:
        gate(
            '[colectives."a"]\nmape = 1\n[power."b"]\nmap = 0.1\nmape = "8 %"\n'
            "[collectives.c]\n[collectives]\nd = 1\n"
        )
    assert str(caught.value).splitlines() == [
        'gate.toml:1: colectives: no such set of measurements; did you mean "collectives"?',
        'gate.toml:4: power."b".map = 0.1: no such field; did you mean "mape"?',
        'gate.toml:5: power."b".mape = "8 %": is a text; expected a number above 0',
        'gate.toml:6: collectives."c": no bounds; expected one or more bounds, such as '
        "median_ape = 0.12",
        'gate.toml:8: collectives."d": no bounds; expected one or more bounds, such as '
        "median_ape = 0.12",
    ]


def test_the_shipped_gate_is_read():
    assert set(read_gate(shipped() / "validation" / "gate.toml", SETS)) <= set(SETS)

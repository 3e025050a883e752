"""A set of measurements plugged in: its files, its groupings, its answer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from perfmodel.config.faults import Fault, Faults
from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies import validate
from perfmodel.studies.judged import Judged, Judgement, MeasurementSet, rows_of, scored
from perfmodel.studies.validate import answer, check_grouping, judge

ROWS = (
    Judgement("a", 10.0, 11.0, groups={"system": "Alps", "split": "fit"}, low=9.0, high=12.0),
    Judgement("b", 10.0, 8.0, groups={"system": "Node"}, baselines={"one constant": 15.0}),
    Judgement("c", 10.0, skipped="no such chip", groups={"system": "Node"}),
    Judgement("d", float("nan"), 1.0, groups={"system": "Node"}),
)


def toy(asked: list[Path]) -> MeasurementSet:
    def judged(files: Sequence[Path], library: Library) -> Judged:
        asked.extend(files)
        assert "h100" in library.names("chips")
        return Judged(ROWS, "completion time", "s", "system", {"no size": 2}, ("3 parameters.",))

    return MeasurementSet("Toy", ("collectives.csv",), judged)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that the toy set was asked to judge."""
    files: list[Path] = []
    monkeypatch.setattr(validate, "SETS", {"toy": toy(files), "other": toy([])})
    return files


def test_a_set_that_is_named_alone_takes_the_files_that_ship(asked):
    assert list(judge({"toy": [], "other": None}, Library())) == ["toy"]
    assert asked == [shipped_measurements("collectives.csv")]


def test_a_set_with_files_takes_those(asked):
    judge({"toy": [Path("x.csv")], "other": None}, Library())
    assert asked == [Path("x.csv")]


def test_without_a_set_all_are_validated(asked):
    assert list(judge({"toy": None, "other": None}, Library())) == ["toy", "other"]
    assert list(judge({}, Library())) == ["toy", "other"]


def test_faults_of_several_sets_come_together(monkeypatch: pytest.MonkeyPatch):
    def wrong(files: Sequence[Path], library: Library) -> Judged:
        raise Faults([Fault(problem="wrong", file=str(files[0]))])

    one = MeasurementSet("Wrong", (), wrong)
    monkeypatch.setattr(validate, "SETS", {"a": one, "b": one})
    with pytest.raises(Faults) as caught:
        judge({"a": [Path("x")], "b": [Path("y")]}, Library())
    assert str(caught.value) == "x: wrong\ny: wrong"


def test_the_answer_has_all_rows_at_the_top_and_each_set_below(asked):
    found = answer(judge({}, Library()))
    assert (found["rows"], found["predicted"], found["skipped"]) == (8, 4, 4)
    assert found["mape"] == pytest.approx(0.15)
    assert [row["set"] for row in found["per_row"]] == ["toy"] * 4 + ["other"] * 4
    part = found["sets"]["toy"]
    assert (part["rows"], part["by"], part["excluded"]) == (4, "system", {"no size": 2})
    assert part["groups"]["Node"]["skipped"] == 2
    assert part["coverage_90"] == 1.0
    assert "per_row" not in part


def test_a_baseline_is_judged_on_its_own_rows(asked):
    part = answer(judge({"toy": []}, Library()))["sets"]["toy"]
    assert part["baselines"]["one constant"]["mape"] == pytest.approx(0.5)
    assert part["baselines"]["one constant"]["predicted"] == 1


def test_every_skipped_row_has_a_reason():
    rows = rows_of(Judged(ROWS, "time", "s", "system"))
    assert list(rows.skipped) == ["", "", "no such chip", "no prediction"]


def test_a_row_that_lacks_a_grouping_is_in_a_group_of_its_own():
    groups = scored(Judged(ROWS, "time", "s", "system"), "split").groups
    assert {name: figures.rows for name, figures in groups.items()} == {"fit": 1, "not stated": 3}


def test_a_grouping_that_no_set_has_is_refused_with_those_that_exist(asked):
    sets = judge({}, Library())
    check_grouping(sets, "split")
    check_grouping(sets, "")
    with pytest.raises(Faults, match='--by = "sytem": no such grouping; did you mean "system"'):
        check_grouping(sets, "sytem")
    assert answer(sets, "split")["sets"]["toy"]["by"] == "split"


def beside(rows: Sequence[Judgement], apart: Sequence[Judgement] = ()) -> MeasurementSet:
    def judged(files: Sequence[Path], library: Library) -> Judged:
        reasons = {"found wrong": apart} if apart else {}
        return Judged(rows, "size", "B", "system", apart=reasons, tables=("system",))

    return MeasurementSet("Beside", ("collectives.csv",), judged, beside="toy")


def test_a_set_that_lies_in_the_same_files_comes_along_and_stays_out_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[Path] = []
    monkeypatch.setattr(validate, "SETS", {"toy": toy(asked), "size": beside(ROWS[:1])})
    sets = judge({"toy": [Path("x.csv")], "size": None}, Library())
    assert list(sets) == ["toy", "size"]
    found = answer(sets)
    assert found["rows"] == len(ROWS)
    assert [row["set"] for row in found["per_row"]] == ["toy"] * len(ROWS) + ["size"]
    alone = answer(judge({"toy": None, "size": []}, Library()))
    assert alone["rows"] == 1


def test_a_companion_without_rows_is_left_out_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(validate, "SETS", {"toy": toy([]), "size": beside(())})
    assert list(judge({"toy": [], "size": None}, Library())) == ["toy"]
    assert list(judge({"toy": [], "size": []}, Library())) == ["toy", "size"]


def test_rows_that_stand_apart_are_listed_and_do_not_count(monkeypatch: pytest.MonkeyPatch):
    wrong = [Judgement("wrong", 1.0, 3.0, groups={"system": "Alps"})]
    monkeypatch.setattr(validate, "SETS", {"size": beside(ROWS[:1], wrong)})
    found = answer(judge({"size": []}, Library()))
    assert (found["rows"], found["mape"]) == (1, pytest.approx(0.1))
    assert [row["apart"] for row in found["per_row"]] == ["", "found wrong"]
    part = found["sets"]["size"]
    assert part["apart"]["found wrong"]["mape"] == pytest.approx(2.0)
    assert part["with_apart"]["mape"] == pytest.approx(1.05)


def test_a_table_has_the_errors_of_simpler_models_on_its_rows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(validate, "SETS", {"size": beside(ROWS)})
    table = answer(judge({"size": []}, Library()))["sets"]["size"]["tables"]["system"]
    assert table["Alps"]["mape"] == pytest.approx(0.1)
    assert table["Node"]["baselines"]["one constant"] == pytest.approx(0.5)
    assert table["Alps"]["baselines"]["one constant"] != table["Alps"]["baselines"]["one constant"]


def test_buckets_of_sizes_stand_in_order(monkeypatch: pytest.MonkeyPatch):
    names = ("<= 4,096 chips", "> 4,096 chips", "<= 8 chips")
    rows = [Judgement(name, 1.0, 1.0, groups={"system": name}) for name in names]
    monkeypatch.setattr(validate, "SETS", {"size": beside(rows)})
    table = answer(judge({"size": []}, Library()))["sets"]["size"]["tables"]["system"]
    assert list(table) == ["<= 8 chips", "<= 4,096 chips", "> 4,096 chips"]

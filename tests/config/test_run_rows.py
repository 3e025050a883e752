"""Rows of published runs: blanks, switches, faults with their line, columns that may be absent."""

from pathlib import Path

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import shipped
from perfmodel.config.measurements import read_rows
from perfmodel.config.schema.run import RunRow

RUNS = shipped() / "validation" / "runs"


def read(tmp_path: Path, text: str) -> list[RunRow]:
    path = tmp_path / "own.csv"
    path.write_text(text, "utf-8")
    return read_rows(path, RunRow)


def test_blank_cells_and_words_for_them_are_none(tmp_path):
    (row,) = read(tmp_path, "id,step_s,tp,pp,cp,stack\na,1.5,,nan,n/a,None\n")
    assert (row.tp, row.pp, row.cp, row.stack) == (None, None, None, None)
    assert row.step_s == 1.5


@pytest.mark.parametrize(("cell", "value"), [("1", 1.0), ("0.0", 0.0), ("y", 1.0), ("True", 1.0)])
def test_a_switch_may_be_written_in_several_ways(tmp_path, cell, value):
    (row,) = read(tmp_path, f"step_s,flash_attention\n1,{cell}\n")
    assert row.flash_attention == value


def test_counts_that_a_table_writes_as_decimals_are_whole(tmp_path):
    (row,) = read(tmp_path, "step_s,layers\n1,32.0\n")
    assert row.layers == 32


def test_columns_that_are_not_known_are_passed_over_and_others_may_be_absent(tmp_path):
    (row,) = read(tmp_path, "step_time_s,colour\n2,red\n")
    assert row.id == "own:2"
    assert row.hidden is None


def test_every_fault_of_a_file_is_said_with_line_and_column(tmp_path):
    with pytest.raises(Faults) as caught:
        read(tmp_path, "id,step_s,tp\na,1.0,two\nb,-1,1\n")
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert ':2: tp = "two": not a number' in lines[0]
    assert ':3: step_s = "-1": below 0' in lines[1]


def test_a_file_without_a_measurement_is_refused(tmp_path):
    with pytest.raises(Faults, match="no column of what was measured"):
        read(tmp_path, "id,layers\na,32\n")


def test_every_shipped_row_has_a_source_and_an_id_of_its_own():
    rows = [row for path in sorted(RUNS.glob("*.csv")) for row in read_rows(path, RunRow)]
    assert len(rows) == 2611
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.source for row in rows)


def test_rows_set_apart_are_listed_with_a_reason():
    table = (RUNS.parent / "runs_set_apart.csv").read_text("utf-8").splitlines()
    listed = {line.split(",")[0] for line in table[1:]}
    rows = [row for path in RUNS.glob("*.csv") for row in read_rows(path, RunRow)]
    apart = {row.id for row in rows if row.audit_action == "drop" or row.use != "validate"}
    assert listed == apart
    assert all(line.rstrip(",") == line for line in table[1:])

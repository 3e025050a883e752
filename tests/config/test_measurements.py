"""Files of measurements: what is read, and every fault with file, line and column."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from perfmodel.config.checking import check_files
from perfmodel.config.faults import Faults
from perfmodel.config.library import shipped
from perfmodel.config.measurements import read_files, read_rows, shipped_measurements
from perfmodel.config.schema.measurement import CollectiveRow

HEAD = "system,chip_id,nodes,chips,collective,algorithm,memory,size_bytes,time_us,use"
ROW = "Small,h100,2,16,all_reduce,ring,device,1048576,52.5,fit"
SHIPPED = {"collectives.csv": 254, "collectives_eu.csv": 1373, "collectives_racks.csv": 6}
OTHERS = {
    "moe_exchange.csv": 50,
    "kernels.csv": 197,
    "power_hpl.csv": 16,
    "power_training.csv": 6,
    "power_states.csv": 12,
    "goodput.csv": 3,
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a file of lines into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(*lines: str, name: str = "mine.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding)
        return path

    return write


def faults(*paths: Path) -> list[str]:
    with pytest.raises(Faults) as caught:
        read_files(paths, CollectiveRow)
    return str(caught.value).splitlines()


def test_a_row_is_read_in_si(write):
    (row,) = read_rows(write(HEAD, ROW), CollectiveRow)
    assert (row.id, row.system, row.ranks, row.use) == ("mine:2", "Small", 16, "fit")
    assert row.time == pytest.approx(52.5e-6)
    assert row.size_bytes == 2**20


def test_ranks_follow_from_nodes_and_tasks(write):
    head = HEAD.replace("chips", "tasks_per_node").replace("time_us", "median_us")
    (row,) = read_rows(write(head, ROW), CollectiveRow)
    assert row.ranks == 32
    assert row.time == pytest.approx(52.5e-6)


def test_blank_cells_are_none_and_unknown_columns_are_passed_over(write):
    path = write(f"{HEAD},weather", "Small,,, ,all_reduce,ring,device,,,fit,rain")
    (row,) = read_rows(path, CollectiveRow)
    assert (row.chip_id, row.nodes, row.ranks, row.size_bytes, row.time) == (None,) * 5
    assert not hasattr(row, "weather")


def test_a_file_without_the_column_of_use_is_judged(write):
    path = write(HEAD.removesuffix(",use"), ROW.removesuffix(",fit"))
    assert read_rows(path, CollectiveRow)[0].use == "check"


def test_a_byte_order_mark_crlf_blank_lines_and_quoted_breaks_are_read(write):
    path = write(f"{HEAD},notes\r", f'{ROW},"two\nlines"\r', "", f"{ROW},x\r", encoding="utf-8-sig")
    rows = read_rows(path, CollectiveRow)
    assert [row.id for row in rows] == ["mine:2", "mine:5"]
    assert rows[0].notes == "two\nlines"


def test_every_fault_of_every_file_comes_with_line_column_and_value(write):
    first = write(
        HEAD,
        ROW.replace("52.5", "52,5").replace(",52,5", ',"52,5"'),
        ROW.replace("fit", "fitt").replace("device", "gpu"),
        ROW.replace("Small", "").replace(",16,", ",1.5,"),
        ROW + ",more",
        ROW.replace("52.5", "-1"),
    )
    second = write(HEAD.replace("size_bytes", "size_b"), ROW, name="other.csv")
    assert faults(first, second) == [
        'mine.csv:2: time_us = "52,5": not a number; expected digits with a decimal point, '
        "no unit and no separators",
        'mine.csv:3: use = "fitt": not a word that is known here; expected one of "fit", '
        '"check", "report", "exclude"; did you mean "fit"?',
        'mine.csv:3: memory = "gpu": not a word that is known here; expected one of "device", '
        '"host"',
        "mine.csv:4: system: is blank; expected a text (Machine as its source names it)",
        'mine.csv:4: chips = "1.5": no whole number; expected a whole number',
        "mine.csv:5: a row of 11 cells; expected 10 as in the head",
        'mine.csv:6: time_us = "-1": below 0; expected a number from 0',
        'other.csv:1: size_bytes: no such column, but one called "size_b"; expected a whole number '
        "from 0 (Buffer of one rank as the benchmark prints it)",
    ]


def test_a_file_without_a_time_or_with_a_column_twice_is_refused(write):
    path = write(HEAD.replace("time_us", "use"), ROW.replace("52.5", "fit"))
    assert faults(path) == [
        'mine.csv:1: "use": a column that comes twice',
        'mine.csv:1: no column of what was measured; expected one of "time_us", "median_us"',
    ]


@pytest.mark.parametrize("cell", ["inf", "nan", "1e999", "1_000", "0x10", "12 us", "１２"])
def test_what_only_looks_like_a_number_is_refused(write, cell: str):
    assert faults(write(HEAD, ROW.replace("52.5", cell)))[0].startswith("mine.csv:2: time_us = ")


def test_what_is_no_csv_file_is_said_in_one_line(write, tmp_path: Path):
    (tmp_path / "film.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    write(name="empty.csv")
    write(HEAD, name="head.csv")
    write(HEAD, '"open', name="open.csv")
    names = ("film.csv", "empty.csv", "head.csv", "open.csv", "none.csv", ".")
    said = [faults(tmp_path / name) for name in names]
    assert [len(lines) for lines in said] == [1] * len(names)
    assert ["not UTF-8 text" in said[0][0], "is empty" in said[1][0]] == [True, True]
    assert "holds no rows" in said[2][0]
    assert said[3][0].startswith("open.csv:2: not valid CSV: ")
    assert ["no such file" in said[4][0], "not a file" in said[5][0]] == [True, True]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_collectives_are_read_whole(name: str):
    rows = read_rows(shipped_measurements(name), CollectiveRow)
    assert len(rows) == SHIPPED[name]
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert row.source
        assert (row.use == "exclude") == bool(row.exclude_reason)
        assert row.use == "exclude" or (row.time and row.ranks and row.size_bytes)


def test_printed_bandwidth_and_time_of_an_all_reduce_agree():
    """Two columns of one row, related by the definition of nccl-tests, within their rounding."""
    rows = read_rows(shipped_measurements("collectives.csv"), CollectiveRow)
    judged = [
        row
        for row in rows
        if row.use != "exclude" and row.collective == "all_reduce" and row.busbw_gb_per_s
    ]
    assert len(judged) > 150
    for row in judged:
        assert row.ranks and row.size_bytes and row.time
        expected = 2 * (row.ranks - 1) / row.ranks * row.size_bytes / row.time / 1e9
        assert row.busbw_gb_per_s == pytest.approx(expected, rel=0.06, abs=0.0051), row.id


@pytest.mark.parametrize("name", [*SHIPPED, *OTHERS])
def test_every_shipped_row_has_a_name_of_its_own_and_as_many_cells_as_the_head(name: str):
    with shipped_measurements(name).open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head[0] == "id"
    assert not [column for column in head if column.startswith("model_")]
    assert len(rows) == {**SHIPPED, **OTHERS}[name]
    assert Counter(len(row) for row in rows) == {len(head): len(rows)}
    assert len({row[0] for row in rows}) == len(rows)


def test_every_file_of_the_folder_is_described_and_the_library_check_passes():
    readme = (shipped() / "validation" / "README.md").read_text("utf-8")
    names = {path.name for path in (shipped() / "validation").glob("*.csv")}
    assert names == {name for name in names if f"`{name}`" in readme}
    assert check_files([shipped()]).faults == ()

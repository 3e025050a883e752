"""The verb `network` from the command line: forms, files, faults."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import schema_of
from perfmodel.results.parquet import read

ASKED = ["network", "ndr-rail-3tier", "--collective", "all-reduce"]
NUMBERS = ["--ranks", "8,1024", "--size", "1MB,1GB"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    import contextlib
    import io

    folder, text = tmp_path_factory.mktemp("network"), io.StringIO()
    with contextlib.redirect_stdout(text):
        words = [*ASKED, *NUMBERS, "--format", "json", "--out", str(folder)]
        assert cli.run(words) == 0
    return json.loads(text.getvalue()), folder


def test_json_has_the_keys_of_its_schema(told):
    answer, _ = told
    schema = schema_of("network", None)
    assert set(answer) == set(schema["properties"])
    call = schema["properties"]["calls"]["items"]
    for row in answer["calls"]:
        assert set(row) == set(call["properties"])
        for part in ("algorithms", "levels"):
            inner = call["properties"][part]["items"]["properties"]
            assert all(set(one) == set(inner) for one in row[part])


def test_json_says_what_was_timed_and_adds_up(told):
    answer, _ = told
    assert (answer["collective"], answer["site"], answer["stride"]) == (
        "all-reduce",
        "ai-factory",
        1,
    )
    for row in answer["calls"]:
        parts = [level["latency_time_s"] + level["transfer_time_s"] for level in row["levels"]]
        assert row["launch_time_s"] + sum(parts) == pytest.approx(row["time_s"], rel=1e-4)


def test_files_carry_units_and_where_they_came_from(told):
    answer, folder = told
    kinds = [Path(name).name for name in answer["files"]]
    assert kinds == [
        *("network.parquet", "network_algorithms.parquet", "network_levels.parquet"),
        *("bandwidth_by_size.png", "bandwidth_by_size.svg"),
        *("bandwidth_by_ranks.png", "bandwidth_by_ranks.svg"),
    ]
    assert all(Path(name).stat().st_size > 1000 for name in answer["files"])
    stored = read(folder / "network.parquet")
    assert stored.units["bus_bandwidth_bytes_per_s"] == "B/s"
    assert stored.units["size_bytes"] == "B"
    assert set(stored.provenance.scenario["platform"]) == {"chip", "node", "fabric", "stack"}
    assert stored.rows["time_s"].tolist() == [row["time_s"] for row in answer["calls"]]


def test_the_table_names_site_chip_algorithms_and_levels(capsys: pytest.CaptureFixture[str]):
    assert cli.run([*ASKED, *NUMBERS]) == 0
    out = capsys.readouterr().out
    for word in ("ai-factory", "H100", "GB/s", "in-network", "(rail)", "scale-up", "leaf", "pod"):
        assert word in out
    assert "core" not in out


def test_csv_has_a_line_per_call(capsys: pytest.CaptureFixture[str]):
    assert cli.run([*ASKED, *NUMBERS, "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("ranks,size_bytes,time_s")


def test_overrides_are_taken(capsys: pytest.CaptureFixture[str]):
    changed = ["network", "ndr-rail-3tier", "fabric.link_fraction=0.1", *ASKED[2:], *NUMBERS]
    times = []
    for words in ([*ASKED, *NUMBERS], changed):
        assert cli.run([*words, "--format", "json"]) == 0
        times.append(json.loads(capsys.readouterr().out)["calls"][-1]["time_s"])
    assert times[1] > 2.0 * times[0]


def test_every_fault_is_a_line_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    words = ["network", "ndr-rail-3teir", "--collective", "all-reduce"]
    words += ["--ranks", "0", "--size", "1000", "--out", str(tmp_path / "out")]
    assert cli.run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 3
    assert any('did you mean "ndr-rail-3tier"?' in line for line in lines)
    assert any("less than one" in line for line in lines)
    assert any("without a unit" in line for line in lines)
    assert not (tmp_path / "out").exists()


def test_a_collective_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]):
    assert cli.run(["network", "ndr-rail-3tier", "--collective", "gossip", *NUMBERS]) == 2
    assert "gossip" in capsys.readouterr().err

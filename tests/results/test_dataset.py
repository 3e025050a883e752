"""Stored runs: what is read, in which order, with which units, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfmodel.config.faults import Faults
from perfmodel.results import dataset
from perfmodel.results.dataset import open_run
from tests.results.stored_runs import BANDWIDTHS, CHIPS, NAMES, grid, rows_of, write_run


@pytest.fixture
def run(tmp_path: Path) -> dataset.Run:
    return open_run(write_run(tmp_path / "run"))


def test_what_is_stored_comes_back_in_the_order_of_the_points(run: dataset.Run) -> None:
    expected = rows_of(grid())
    found = run.columns()
    assert list(found) == list(expected)
    for key, column in expected.items():
        np.testing.assert_array_equal(found[key], np.asarray(column))
    assert found["tokens_per_s"].dtype == np.float32
    assert len(run.chunks) == 3
    assert run.complete


def test_columns_come_in_the_order_asked_for(run: dataset.Run) -> None:
    assert list(run.columns("mfu", "chip", "mfu")) == ["mfu", "chip"]


def test_only_the_columns_that_are_asked_for_are_read(
    run: dataset.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str] | None] = []
    real = pq.ParquetFile.read

    def spy(file: pq.ParquetFile, columns: list[str] | None = None) -> pa.Table:
        seen.append(columns)
        return real(file, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read", spy)
    run.columns("mfu", where=run.conditions(["chip=h100"]))
    assert seen == [["mfu", "chip"]] * 3


def test_one_chunk_is_held_at_a_time(run: dataset.Run) -> None:
    parts = run.batches("mfu")
    (run.folder / "chunk-000001.parquet").write_bytes(b"broken")
    assert len(next(parts)["mfu"]) == 40
    with pytest.raises(Faults, match="chunk-000001"):
        next(parts)


def test_units_come_from_the_manifest_and_the_table_of_quantities(run: dataset.Run) -> None:
    assert run.units["fabric.nic_bandwidth"] == "B/s"
    assert run.units["site_power_w"] == "W"
    assert "site.chips" not in run.units
    assert run.quantities["fabric.nic_bandwidth"].label == "bandwidth of a network card"
    assert run.quantities["tokens_per_s"].label == "tokens/s"
    assert run.kinds["feasible"] == "flag"
    assert (run.kinds["chip"], run.kinds["tp"]) == ("text", "number")


def test_a_run_under_way_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    run = open_run(write_run(tmp_path, missing=[1]))
    assert not run.complete
    points = run.columns("point")["point"]
    np.testing.assert_array_equal(points, np.r_[0:40, 80:108])


def test_a_chunk_beyond_the_end_and_a_half_file_are_passed_over(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "chunk-000003.parquet").write_bytes(b"of another run")
    (tmp_path / ".chunk-000001.parquet.77.partial").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    assert len(open_run(tmp_path).columns("mfu")["mfu"]) == len(grid())


def test_missing_texts_become_empty_and_dictionaries_plain(tmp_path: Path) -> None:
    write_run(tmp_path)
    path = tmp_path / "chunk-000000.parquet"
    table = pq.read_table(path)
    place = table.schema.get_field_index("reason")
    reason = pa.array([None] * 40, pa.string()).dictionary_encode()
    pq.write_table(table.set_column(place, "reason", reason), path)
    assert set(open_run(tmp_path).columns("reason")["reason"][:40]) == {""}


def test_rows_are_chosen_by_conditions(run: dataset.Run) -> None:
    where = run.conditions(["chip=gb300", "fabric.nic_bandwidth>=100 GB/s"])
    rows = run.columns("site.chips", "chip", "fabric.nic_bandwidth", where=where)
    assert set(rows["chip"]) == {"gb300"}
    assert set(rows["fabric.nic_bandwidth"]) == {100e9, 200e9}
    assert len(rows["chip"]) == 2 * len(CHIPS)


def refusal(path: Path) -> str:
    with pytest.raises(Faults) as caught:
        open_run(path)
    return str(caught.value)


SHAPE = "; expected a folder that `perfmodel sweep --out` wrote"


def test_what_is_no_run_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / "manifest.json").mkdir(parents=True)
    assert refusal(Path("none")) == "none: no such folder" + SHAPE
    assert refusal(Path("file")) == "file: a file, not the folder of a run" + SHAPE
    assert refusal(Path("empty")) == "empty: holds no manifest.json" + SHAPE
    assert refusal(Path("odd")) == "odd/manifest.json: not a file" + SHAPE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON in UTF-8"),
        ("{", "not JSON in UTF-8"),
        ("[" * 200_000, "not JSON in UTF-8"),
        ("[1]", "not the manifest of a run"),
        ('{"name": "web", "start_url": "/"}', "not the manifest of a run"),
        (r'{"format": 1, "title": "\ud800"}', "not JSON in UTF-8"),
        ('{"format": 2}', "written in format 2; this program reads format 1"),
        ('{"format": 1}', "not the manifest of a run: title: field required"),
    ],
)
def test_a_foreign_manifest_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    Path("run/manifest.json").write_text(text)
    assert refusal(Path("run")) == f"run/manifest.json: {said}{SHAPE}"


def test_a_manifest_that_is_not_text_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perfmodel.results import manifest

    (tmp_path / "manifest.json").write_bytes(b'{"title": "\xff"}')
    assert "not JSON in UTF-8" in refusal(tmp_path)
    monkeypatch.setattr(manifest, "MOST_BYTES", 10)
    assert "larger than 10 bytes" in refusal(tmp_path)


def test_a_manifest_with_more_keys_is_read(tmp_path: Path) -> None:
    assert open_run(write_run(tmp_path, later={"x": 1})).manifest.site == "ai-factory"


def test_a_run_without_a_chunk_says_so(tmp_path: Path) -> None:
    assert "holds no finished chunk yet" in refusal(write_run(tmp_path, missing=[0, 1, 2]))


def test_a_chunk_without_an_axis_is_refused(tmp_path: Path) -> None:
    rows = rows_of(grid())
    del rows["chip"]
    assert 'lacks the column "chip"' in refusal(write_run(tmp_path, rows))


def test_a_chunk_whose_flags_are_texts_is_refused(tmp_path: Path) -> None:
    rows = rows_of(grid())
    rows["feasible"] = [str(fits) for fits in rows["feasible"]]
    assert 'the column "feasible" holds no flags' in refusal(write_run(tmp_path, rows))


KEYS = ("title", "question", "site", "axes", "points", "chunks", "versions", "figure", "command")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    key=st.sampled_from(KEYS),
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
)
def test_any_other_value_of_a_key_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    if not folder.exists():
        write_run(folder)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    whole = dict(manifest)
    manifest[key] = value
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    try:
        open_run(folder)
    except Faults as error:
        assert len(str(error).splitlines()) == 1
    finally:
        (folder / "manifest.json").write_text(json.dumps(whole), "utf-8")


def test_a_broken_chunk_is_named(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "chunk-000000.parquet").write_bytes(b"PAR1 no more")
    assert "chunk-000000.parquet: cannot be read as a chunk of a run" in refusal(tmp_path)


def test_a_chunk_that_lacks_a_column_of_the_first_is_named(tmp_path: Path) -> None:
    write_run(tmp_path)
    path = tmp_path / "chunk-000001.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["mfu"]), path)
    with pytest.raises(Faults, match=r"chunk-000001\.parquet: cannot be read"):
        open_run(tmp_path).columns("mfu")


def test_a_column_that_does_not_exist_is_said_with_the_nearest(run: dataset.Run) -> None:
    with pytest.raises(Faults) as caught:
        run.check({"--x": ["site.chip"], "--y": ["tokens_per_sec"], "--color": ["zzz"]})
    assert str(caught.value) == (
        '--x = "site.chip": the run has no such column; did you mean "site.chips"?\n'
        '--y = "tokens_per_sec": the run has no such column; did you mean "tokens_per_s"?\n'
        '--color = "zzz": the run has no such column'
    )


def test_the_package_opens_runs(run: dataset.Run) -> None:
    import perfmodel

    assert perfmodel.open_run(str(run.folder)) == run


def test_the_fixture_is_a_full_grid() -> None:
    assert len(grid()) == len(CHIPS) * len(NAMES) * len(BANDWIDTHS)


def test_the_manifest_holds_what_the_contract_says(tmp_path: Path) -> None:
    manifest = json.loads((write_run(tmp_path) / "manifest.json").read_text())
    assert set(manifest["figure"]) == {"x", "y", "color", "facet"}
    assert open_run(tmp_path).manifest.figure.facet == "chip"

"""Result files: round trip, units, same bytes, and no half file."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from perfmodel.results import parquet
from perfmodel.results.columns import (
    BARS,
    COLUMNS,
    COST,
    GOODPUT,
    NETWORK,
    OUTCOME,
    POWER,
    TRAINING,
)
from perfmodel.results.provenance import PACKAGES, Provenance, installed_versions

PROVENANCE = Provenance(
    command="perfmodel compare --out run",
    device="cpu",
    scenario={"machine": {"chips": 25000, "site": "leonardo"}, "workload": {"tokens": 1.5e7}},
    versions={"python": "3.11", "perfmodel": "0.1.0"},
)


def rows():
    return {
        "site": ["gigafactory", "AI factory"],
        "chips": np.array([100_000, 25_000]),
        "step_time_s": np.array([4.25, np.nan]),
        "tokens_per_s": np.array([1.5e8, 3.5e7], dtype=np.float32),
        "site_power_w": np.array([1.43e8, 3.3e7]),
        "feasible": np.array([True, False]),
        "layout": ["t8 p16 d781", None],
    }


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "compare.parquet"
    parquet.write(path, rows(), PROVENANCE)
    stored = parquet.read(path)
    assert list(stored.rows) == list(rows())
    for key, expected in rows().items():
        np.testing.assert_array_equal(stored.rows[key], np.asarray(expected))
    assert stored.rows["chips"].dtype == np.int64
    assert stored.rows["tokens_per_s"].dtype == np.float32
    assert stored.rows["feasible"].dtype == np.bool_
    assert stored.provenance == PROVENANCE


def test_pyarrow_alone_sees_units_labels_and_provenance(tmp_path):
    path = tmp_path / "compare.parquet"
    parquet.write(path, rows(), PROVENANCE)
    schema = pq.read_schema(path)
    assert schema.field("site_power_w").metadata == {b"unit": b"W", b"label": b"site power"}
    assert schema.field("step_time_s").metadata[b"unit"] == b"s"
    assert schema.field("site").metadata is None
    assert schema.metadata[b"perfmodel.device"] == b"cpu"
    assert b'"chips":25000' in schema.metadata[b"perfmodel.scenario"].replace(b" ", b"")


def test_every_output_quantity_has_a_key_of_its_own():
    own = {column.key for column in (*COLUMNS.values(), *BARS.values(), *NETWORK.values(), *POWER)}
    assert len(own) == len(COLUMNS) + len(BARS) + len(NETWORK) + len(POWER)
    assert own <= set(parquet.BY_KEY)


def test_a_key_means_the_same_in_every_table():
    tables = (COST, GOODPUT, OUTCOME, TRAINING, BARS, COLUMNS, NETWORK)
    for column in [column for table in tables for column in table.values()]:
        known = parquet.BY_KEY[column.key]
        assert (known.unit, known.label) == (column.unit, column.label)


def test_units_come_back_for_known_quantities_only(tmp_path):
    path = tmp_path / "compare.parquet"
    parquet.write(path, rows(), PROVENANCE)
    assert parquet.read(path).units == {
        "step_time_s": "s",
        "tokens_per_s": "1/s",
        "site_power_w": "W",
    }


def write_elsewhere(path: Path, hash_seed: str) -> bytes:
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from tests.results.test_parquet import PROVENANCE, rows
        from perfmodel.results import parquet
        parquet.write(Path({str(path)!r}), rows(), PROVENANCE)
        """
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    return path.read_bytes()


def test_the_same_inputs_give_the_same_bytes_in_another_process(tmp_path):
    first = write_elsewhere(tmp_path / "a.parquet", "1")
    second = write_elsewhere(tmp_path / "elsewhere" / "b.parquet", "2")
    assert first == second


def test_another_number_gives_other_bytes(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(path, rows(), PROVENANCE)
    before = path.read_bytes()
    parquet.write(path, {**rows(), "chips": np.array([100_000, 25_001])}, PROVENANCE)
    assert path.read_bytes() != before


def test_versions_name_python_and_every_package_that_matters():
    versions = installed_versions()
    assert set(versions) == {"python", *PACKAGES}
    assert all(version[0].isdigit() for version in versions.values())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"chips": [1, 2], "mfu": [0.4]}, "columns differ in length: chips 2, mfu 1"),
        ({"chips": [1, "many"]}, "column chips: cannot be stored"),
        ({"mfu": np.zeros((2, 2))}, "column mfu: cannot be stored"),
    ],
)
def test_columns_that_make_no_table_are_named(tmp_path, columns, message):
    path = tmp_path / "a.parquet"
    with pytest.raises(ValueError, match=message):
        parquet.write(path, columns, PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_a_folder_and_a_foreign_file_are_named(tmp_path):
    foreign = tmp_path / "notes.txt"
    foreign.write_text("not a table")
    for path in (tmp_path / "none.parquet", tmp_path, foreign):
        with pytest.raises(ValueError, match=f"^{path}: cannot be read as Parquet"):
            parquet.read(path)


def test_a_table_of_another_program_is_refused(tmp_path):
    import pyarrow as pa

    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(ValueError, match=r"other.parquet: not written by perfmodel"):
        parquet.read(path)


def test_a_process_killed_before_the_rename_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "compare.parquet"
    parquet.write(path, rows(), PROVENANCE)
    before = path.read_bytes()
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from perfmodel.results import parquet
        from perfmodel.results.provenance import Provenance
        Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        parquet.write(Path({str(path)!r}), {{"chips": [1]}}, Provenance("", "", "", {{}}))
        """
    )
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    assert [p for p in tmp_path.glob("*.parquet") if not p.name.startswith(".")] == [path]
    assert pq.read_table(tmp_path).num_rows == 2

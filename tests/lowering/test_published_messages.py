"""Rows of message-passing collectives: their methods, and files of nodes."""

from pathlib import Path

import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows, shipped_measurements
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.lowering.published_messages import (
    METHODS,
    algorithm_of,
    lower_host,
    methods_of,
    read_hosts,
)
from perfmodel_kernels import message_methods as methods

COMPLETE = """[mine]
launch = "1 us"
issue = "1 us"
latency = "3 us"
apart = 2.0
rendezvous = "5 us"
eager = "64 kB"
bandwidth = "25 GB/s"
spread = 0.1
cached_rate = "5 GB/s"
memory_rate = "2 GB/s"
cache = "16 MB"
"""


def row(**cells: object) -> CollectiveRow:
    given = {
        "id": "one", "system": "lumi", "chip_id": None, "nodes": 8, "tasks_per_node": 1,
        "collective": "allgather", "algorithm": "ring", "memory": "host", "size_bytes": 1024,
    }  # fmt: skip
    return CollectiveRow.model_validate(given | cells)


def folder(tmp_path: Path, text: str) -> Path:
    """A folder of configs with a file of nodes."""
    (tmp_path / "chips").mkdir()
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "hosts.toml").write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("collective", "algorithm", "printed", "method"),
    [
        ("allreduce", "ring", "ring_ompi_int32", methods.RING_ALL_REDUCE),
        ("all_reduce", "ring", None, methods.RING_ALL_REDUCE),
        ("Reduce-Scatter", "pairwise", "pairwise_mpich_int32", methods.PAIRWISE_SCATTER),
        ("broadcast", "tree", None, methods.BINOMIAL_BROADCAST),
        ("bcast", "tree", "binomial_ompi_int32", methods.BINOMIAL_BROADCAST),
        ("bcast", "tree", "knomial_ompi_int32", methods.KNOMIAL_BROADCAST),
        ("bcast", "scatter_allgather", "scatter_allgather_ring", methods.SCATTER_RING_BROADCAST),
        ("gather", "linear", "linear_synch_ompi_int32", methods.CALLED_GATHER),
        ("alltoall", "linear", "linear_sync_ompi_int32", methods.LINEAR_EXCHANGE),
        (
            "reduce_scatter",
            "recursive_doubling",
            "recursive_distance_doubling_over_int32",
            methods.HALVING_SCATTER,
        ),
    ],
)
def test_the_name_in_the_source_chooses_the_method(collective, algorithm, printed, method):
    found = methods_of(row(collective=collective, algorithm=algorithm, algorithm_printed=printed))
    assert len(found) == 1
    assert np.array_equal(found[0], method)


def test_the_librarys_own_choice_may_be_any_method_of_its_collective():
    found = methods_of(row(collective="alltoall", algorithm="auto"))
    assert len(found) == len(METHODS["alltoall"]) == 3


@pytest.mark.parametrize(
    ("collective", "algorithm"), [("barrier", "auto"), ("allgather", "bine"), ("allreduce", None)]
)
def test_what_has_no_method_has_none(collective, algorithm):
    assert methods_of(row(collective=collective, algorithm=algorithm)) == []


def test_every_row_that_the_file_judges_has_a_method():
    rows = read_rows(shipped_measurements("collectives_eu.csv"), CollectiveRow)
    mine = [one for one in rows if one.memory == "host" and one.use != "exclude"]
    assert len(mine) == 519
    assert [one.id for one in mine if not algorithm_of(one)] == []


def test_only_busy_runs_have_longer_latencies():
    host = read_hosts(Library())["leonardo"]
    assert host.busy is not None
    quiet, busy = lower_host(host, "2025_03_28T10/1"), lower_host(host, "2025_04_06T23_05_13/3")
    assert quiet.latency == host.latency == pytest.approx(1.2e-6, rel=0.5)
    assert busy.latency / quiet.latency == pytest.approx(host.busy.factor)
    assert busy.issue / quiet.issue == pytest.approx(host.busy.factor)
    assert busy._replace(latency=0.0, issue=0.0) == quiet._replace(latency=0.0, issue=0.0)
    assert lower_host(host, None) == quiet


def test_nodes_in_a_users_folder_come_beside_those_that_ship(tmp_path: Path):
    own = COMPLETE + COMPLETE.replace("mine", "lumi")
    hosts = read_hosts(Library([folder(tmp_path, own)]))
    assert set(hosts) == {"mine", "lumi", "leonardo", "leonardo-device"}
    assert hosts["mine"].bandwidth == hosts["lumi"].bandwidth == 25e9


def test_all_faults_of_a_file_of_nodes_come_with_line_system_and_field(tmp_path: Path):
    text = COMPLETE.replace("2.0", "0.5").replace('"3 us"', "3").replace("spread", "spred")
    place = folder(tmp_path, "stray = 1\n" + text)
    with pytest.raises(Faults) as refused:
        read_hosts(Library([place]))
    lines = [str(fault).partition("hosts.toml")[2] for fault in refused.value.faults]
    assert any(line.startswith(":1: stray: not a table of a system's nodes") for line in lines)
    assert any(line.startswith(":6: mine.apart = 0.5: below 1") for line in lines)
    assert any(line.startswith(":5: mine.latency = 3: a number without a unit") for line in lines)
    assert ':10: mine.spred = 0.1: no such field; did you mean "spread"?' in lines
    assert any(line.startswith(":2: mine.spread: is missing") for line in lines)
    assert len(lines) == 5


def test_every_number_of_the_shipped_nodes_was_fitted_or_is_an_estimate():
    text = (shipped_measurements("hosts.toml")).read_text("utf-8")
    sources = [line.partition("#")[2].strip() for line in text.splitlines() if " = " in line]
    known = ("fit to ", "estimate: ", "PICO")
    assert len(sources) == 35  # 11 for each system, and the busy runs' name and factor
    assert [one for one in sources if not one.startswith(known)] == []

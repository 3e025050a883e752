"""Message-passing collectives in host memory: predictions, their parts, what is not predicted."""

from pathlib import Path

import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows, shipped_measurements
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.lowering.published_messages import METHODS, lower_host, read_hosts
from perfmodel.studies.host_collectives_validation import (
    FITTED,
    LEFT_OUT,
    fitted,
    judge_host_collectives,
    predicted_times,
)
from perfmodel.studies.judged import Judged, group_of, scored
from perfmodel_kernels.message_passing import Ranks, message_passing_time

SHIPPED = Library()
FILE = shipped_measurements("collectives_eu.csv")
HEAD = "id,system,chip_id,nodes,tasks_per_node,collective,algorithm,memory,size_bytes,time_us\n"


@pytest.fixture(scope="module")
def judged() -> Judged:
    return judge_host_collectives([FILE], SHIPPED)


def rows_by_id() -> dict[str, CollectiveRow]:
    return {row.id: row for row in read_rows(FILE, CollectiveRow)}


def test_every_host_row_that_is_not_ruled_out_is_predicted(judged):
    assert scored(judged).figures[:3] == (519, 519, 0)
    assert sum(judged.excluded.values()) == 391  # host rows with `use` exclude, counted in the file


def test_errors_are_within_their_bounds(judged):
    parts = scored(judged, "part").groups
    assert parts[FITTED].median_ape < 0.19
    assert parts[LEFT_OUT].median_ape < 0.31
    assert parts[LEFT_OUT].pairwise_order > 0.70
    assert {name: figures.rows for name, figures in parts.items()} == {FITTED: 201, LEFT_OUT: 318}


def test_more_is_left_out_than_fitted_at_each_scale_but_the_smallest(judged):
    scales = group_of(judged, "scale")
    parts = np.array(group_of(judged, "part"))
    share = {one: float((parts[np.array(scales) == one] == FITTED).mean()) for one in set(scales)}
    assert share["leonardo, 512 x 1"] == 0.0
    assert share["leonardo, 256 x 1"] < 0.5
    assert share["lumi, 100 x 1"] < 0.5
    assert share["leonardo, 4 x 1"] > 0.5


def test_the_librarys_choice_is_never_fitted():
    chosen = [row for row in rows_by_id().values() if fitted(row)]
    assert chosen
    assert not any(row.algorithm == "auto" for row in chosen)
    device = [row for row in chosen if row.memory == "device"]
    assert {(row.system, row.nodes, row.tasks_per_node) for row in device} == {
        ("leonardo", 4, 1),
        ("leonardo", 4, 2),
    }
    assert not any(row.use == "exclude" for row in chosen)


def test_a_row_takes_the_time_of_its_method_on_its_nodes():
    row = rows_by_id()["leonardo-512n-allreduce-ompi-ring_ompi_int32-host-8MiB"]
    (found,) = predicted_times([row], read_hosts(SHIPPED))
    host = lower_host(read_hosts(SHIPPED)["leonardo"], row.run)
    one = message_passing_time(8 * 2.0**20, Ranks(512, 1), METHODS["allreduce"]["ring"], host)
    assert found == pytest.approx(float(one), rel=1e-5)


def test_the_librarys_choice_takes_the_shortest_of_its_methods():
    rows = rows_by_id()
    names = ("default", "ring", "recursive_doubling", "rabenseifner")
    ids = [f"leonardo-512n-allreduce-ompi-{name}_ompi_int32-host-8MiB" for name in names]
    auto, *named = predicted_times([rows[one] for one in ids], read_hosts(SHIPPED))
    assert auto == min(named)
    assert auto < max(named) / 2


def test_rows_of_ones_own_are_predicted_or_say_why_not(tmp_path: Path):
    path = tmp_path / "own.csv"
    path.write_text(
        HEAD + "known,lumi,,8,1,all_reduce,ring,host,1024,60\n"
        "strange,mine,,8,1,all_reduce,ring,host,1024,60\n"
        "blank,lumi,,,1,all_reduce,ring,host,1024,60\n"
        "odd,lumi,,8,1,barrier,auto,host,1024,60\n"
        "untimed,lumi,,8,1,all_reduce,ring,host,1024,\n"
        "device,lumi,,8,1,all_reduce,ring,device,1024,60\n",
        "utf-8",
    )
    known, *others = judge_host_collectives([path], SHIPPED).rows
    assert known.predicted == pytest.approx(60e-6, rel=0.5)
    assert known.groups["part"] == FITTED  # a ring of LUMI
    assert {one.id: one.skipped for one in others} == {
        "strange": "no such system in hosts.toml, which has leonardo, lumi, leonardo-device",
        "blank": "its size, nodes or tasks per node are blank",
        "odd": "no method for this collective and algorithm",
        "untimed": "no time is printed",
    }


def test_a_file_without_host_rows_is_refused(tmp_path: Path):
    path = tmp_path / "device.csv"
    path.write_text(HEAD + "one,lumi,,8,1,allreduce,ring,device,1024,60\n", "utf-8")
    with pytest.raises(Faults, match=r"device\.csv: nothing to judge; expected rows whose memory"):
        judge_host_collectives([path], SHIPPED)

"""Measured collectives in device memory: how far off they are, and what is said of the others."""

from pathlib import Path

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.collectives_validation import (
    FITTED,
    HOST,
    LARGER,
    LEFT_OUT,
    NONE_FITTED,
    UNJUDGED,
    judge_collectives,
    judge_reported,
)
from perfmodel.studies.judged import Judged, scored

SHIPPED = Library()
FILES = [shipped_measurements(f"{name}.csv") for name in ("collectives", "collectives_eu")]

HEAD = "system,chip_id,nodes,chips,fabric,collective,algorithm,memory,size_bytes,time_us\n"


@pytest.fixture(scope="module")
def judged() -> Judged:
    return judge_collectives(FILES, SHIPPED)


def own(tmp_path: Path, *rows: str) -> Judged:
    """Rows of a file of the user."""
    path = tmp_path / "own.csv"
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return judge_collectives([path], SHIPPED)


def test_half_of_the_rows_of_larger_scales_are_within_twelve_percent(judged):
    groups = scored(judged, "use").groups
    assert groups[LARGER].rows == 85
    assert groups[LARGER].median_ape <= 0.12
    assert groups[LEFT_OUT].median_ape <= 0.12


def test_so_are_those_of_every_system_with_a_fitted_row(judged):
    groups = scored(judged, "system and use").groups
    held = [group for group in groups if not group.endswith(NONE_FITTED)]
    assert len(held) == 15
    for group in held:
        assert groups[group].median_ape <= 0.12, group


def test_parts_of_a_system_follow_the_scales_of_its_fitted_rows(judged):
    parts = scored(judged, "system and use").groups
    assert parts[f"mare_nostrum, {FITTED}"].rows == 54
    assert parts[f"mare_nostrum, {LARGER}"].rows == 63  # 32 nodes
    assert parts[f"CoreWeave, {LARGER}"].rows == 6  # two racks
    assert parts[f"leonardo, {FITTED}"].rows == 36  # 4 and 8 ranks of MPI
    assert parts[f"leonardo, {LARGER}"].rows == 16  # 16 ranks


def test_racks_are_reported_in_a_set_of_their_own_and_judged_in_none(judged):
    racks = [shipped_measurements("collectives_racks.csv")]
    reported = judge_reported(racks, SHIPPED)
    assert reported.rows[0].measured == pytest.approx(7145.8e-6)
    assert len(reported.rows) == 6
    assert scored(reported).figures.p90_ape <= 0.10
    assert not judge_collectives(racks, SHIPPED).rows
    assert not judge_reported(FILES, SHIPPED).rows


def test_trees_and_rings_are_put_in_the_measured_order(judged):
    figures = scored(judged).figures
    assert figures.pairs >= 30
    assert figures.pairwise_order >= 0.9


def test_what_is_not_judged_is_counted_with_its_reason(judged):
    assert judged.excluded[HOST] == 519
    assert judged.excluded[UNJUDGED] == 71
    assert judged.excluded["no time printed, bus bandwidth only"] == 15
    assert not [row for row in judged.rows if row.skipped]


def test_notes_put_the_noise_of_repeats_beside_the_errors(judged):
    text = " ".join(judged.notes)
    assert "95th percentile of the repeats of a call: 10% above" in text
    assert "Calls that were run more than once differ by 1.1%, at most by 282%" in text
    assert "Not judged: hierarchical" in text
    assert "of 71 rows" in text


def test_a_time_grows_with_the_message(judged):
    rows = [row for row in judged.rows if row.groups["system and use"] == "AWS p5, fitted"]
    predicted = [row.predicted for row in rows]
    assert len(predicted) == 27
    assert np.all(np.diff(predicted) > 0.0)


def test_outside_rows_are_predicted_or_say_why_not(tmp_path):
    found = own(
        tmp_path,
        "Ours,h100,4,32,NDR InfiniBand,all_reduce,auto,device,1073741824,5000",
        "Ours,h100,4,32,NDR InfiniBand,all_gather,ring,device,1073741824,2500",
        "Ours,h100,4,32,NDR InfiniBand,alltoall,auto,device,1073741824,20000",
        "Ours,h100,2,2,NDR InfiniBand,sendrecv,auto,device,1073741824,20000",
        "Ours,abacus,4,32,beads,all_reduce,auto,device,1073741824,5000",
    )
    *known, unknown = found.rows
    assert [row.groups["collective"] for row in known] == [
        *("all-reduce", "all-gather", "all-to-all", "send"),
    ]
    card = 50e9  # 400 Gb/s a chip
    least = [2 * 31 / 32 * 2**30 / (8 * card), 2**30 * 31 / 32 / (8 * card), 24 / 32 * 2**30 / card]
    for row, bound in zip(known, [*least, 2**30 / card], strict=True):
        assert bound * 0.6 < row.predicted < bound * 3.0  # in the network a byte goes once
    assert "no known system has the chip abacus" in unknown.skipped
    assert np.isnan(unknown.predicted)


def test_rings_of_messages_wait_for_their_receivers_where_devices_hold_the_buffers(judged):
    times = {row.id: row.predicted for row in judged.rows}
    name = "leonardo-4nx4-allgather-libbine-ring_over_int32-device-{}"
    short, long = times[name.format("8KiB")], times[name.format("512KiB")]
    wire = 15 / 16 * (512 - 8) * 1024 / 17.4e9
    waits = (long - short - wire) / 15  # one message for each of 15 steps
    assert 4e-6 < waits < 8e-6  # of 5.8 us, since messages of 32 KiB are above the threshold


def test_a_gather_takes_half_of_an_all_reduce(tmp_path):
    reduce, gather = own(
        tmp_path,
        "CSCS Alps,gh200-96,16,64,Slingshot,all_reduce,ring,device,4294967296,1",
        "CSCS Alps,gh200-96,16,64,Slingshot,all_gather,ring,device,4294967296,1",
    ).rows
    assert gather.predicted == pytest.approx(0.5 * reduce.predicted, rel=0.01)

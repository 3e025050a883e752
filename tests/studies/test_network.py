"""What a network makes of a collective: times, bandwidths, the level split, and who asked what."""

import math
from collections import defaultdict
from pathlib import Path

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.studies.collective_times import COLLECTIVES
from perfmodel.studies.network import Answer, answer, bus_bandwidth
from perfmodel.studies.network_question import Asked, ask

LIBRARY = Library()
RAIL = Asked("ndr-rail-3tier", "all-reduce", "1,8,1024,98304", "1kB,1MB,16GB")
SOME = Asked("ndr-rail-3tier", "all-reduce", "8", "1MB")


@pytest.fixture(scope="module", params=COLLECTIVES)
def told(request) -> tuple[str, Answer]:
    asked = RAIL._replace(collective=request.param)
    return request.param, answer(ask(asked, LIBRARY))


def by_call(rows: list[dict]) -> dict[tuple[int, float], list[dict]]:
    found = defaultdict(list)
    for row in rows:
        found[row["ranks"], row["size_bytes"]].append(row)
    return found


def test_every_number_of_ranks_meets_every_size(told):
    _, result = told
    assert len(result.calls) == 12
    assert [row["ranks"] for row in result.calls[::3]] == [1, 8, 1024, 98304]


def test_launch_and_levels_add_up_to_the_time(told):
    _, result = told
    levels = by_call(result.levels)
    for row in result.calls:
        parts = [
            part["latency_time_s"] + part["transfer_time_s"]
            for part in levels[row["ranks"], row["size_bytes"]]
        ]
        assert sum(parts) + row["launch_time_s"] == pytest.approx(row["time_s"], rel=1e-4)


def test_the_fastest_of_the_algorithms_that_the_software_has_is_chosen(told):
    _, result = told
    algorithms = by_call(result.algorithms)
    for row in result.calls:
        if row["ranks"] == 1:
            assert (row["algorithm"], row["time_s"]) == ("", 0.0)
            continue
        times = {
            one["algorithm"]: one["algorithm_time_s"]
            for one in algorithms[row["ranks"], row["size_bytes"]]
            if one["allowed"] and math.isfinite(one["algorithm_time_s"])
        }
        assert min(times, key=lambda name: times[name]) == row["algorithm"]
        assert times[row["algorithm"]] == row["time_s"]


def test_bandwidths_follow_the_definition_of_the_benchmarks(told):
    collective, result = told
    factors = {"all-reduce": 2.0 * 1023 / 1024, "send": 1.0}
    row = next(row for row in result.calls if row["ranks"] == 1024)
    ratio = row["bus_bandwidth_bytes_per_s"] / row["algorithm_bandwidth_bytes_per_s"]
    assert ratio == pytest.approx(factors.get(collective, 1023 / 1024))
    assert row["algorithm_bandwidth_bytes_per_s"] * row["time_s"] == pytest.approx(1e3)


def test_a_longer_message_takes_longer(told):
    _, result = told
    for size in range(2):
        pairs = zip(result.calls[size::3], result.calls[size + 1 :: 3], strict=True)
        for short, long in pairs:
            assert short["ranks"] == 1 or short["time_s"] < long["time_s"]


def test_a_published_row_has_the_bus_bandwidth_that_was_printed():
    """8 nodes of H100, all-reduce of 1 GiB: 5,882.2 us, 361.28 GB/s (README of CoreWeave)."""
    printed = 361.28e9
    found = bus_bandwidth(1073741824.0, 5882.2e-6, 64, "all-reduce")
    assert found == pytest.approx(printed, rel=0.01)
    assert math.isnan(bus_bandwidth(1e6, 0.0, 1, "all-reduce"))


def test_levels_outside_are_those_that_the_ranks_cross():
    levels = by_call(answer(ask(RAIL, LIBRARY)).levels)
    used = {
        ranks: [part["level"] for part in levels[ranks, 1e3] if part["latency_time_s"] > 0.0]
        for ranks in (1, 8, 1024, 98304)
    }
    assert used[1] == []
    assert used[8] == ["scale-up"]
    assert used[1024] == ["scale-up", "leaf", "pod"]
    assert used[98304] == ["scale-up", "leaf", "pod", "core"]


def test_a_named_algorithm_is_taken_even_where_the_software_lacks_it():
    result = answer(ask(SOME._replace(ranks="64", algorithm="rail"), LIBRARY))
    (row,) = result.calls
    rail = next(one for one in result.algorithms if one["algorithm"] == "rail")
    assert (row["algorithm"], row["time_s"]) == ("rail", rail["algorithm_time_s"])


def test_an_algorithm_that_the_network_cannot_run_has_no_time():
    asked = Asked("slingshot-lumi", "all-reduce", "64", "1MB", algorithm="in-network")
    (row,) = answer(ask(asked, LIBRARY)).calls
    assert row["algorithm"] == ""
    assert math.isnan(row["time_s"])


def test_axes_of_a_torus_are_one_level():
    asked = Asked("tpu-v5p-pod", "all-reduce", "4096", "1GB")
    levels = answer(ask(asked, LIBRARY)).levels
    assert levels[0]["level"] == "scale-up"
    assert levels[0]["transfer_time_s"] > 0.0
    assert all(level["transfer_time_s"] == 0.0 for level in levels[1:])


def test_ranks_that_lie_apart_leave_the_domain():
    near, far = (answer(ask(SOME._replace(stride=s), LIBRARY)) for s in (1, 8))
    assert far.levels[0]["transfer_time_s"] == 0.0
    assert far.calls[0]["time_s"] > near.calls[0]["time_s"]


def test_a_fabric_takes_chip_and_node_from_the_first_site_that_has_it():
    question = ask(SOME, LIBRARY)
    users = [
        name
        for name in LIBRARY.names("sites")
        if any(p.fabric == "ndr-rail-3tier" for p in LIBRARY.load("sites", name).partition)
    ]
    assert question.carrier == users[0]
    assert question.platform.machine == LIBRARY.machine(users[0])


def test_chip_node_site_and_stack_can_be_named():
    machine = ask(SOME._replace(chip="h200"), LIBRARY).platform.machine
    assert machine.chip == LIBRARY.load("chips", "h200")
    assert machine.node.chip == "h200"
    machine = ask(SOME._replace(node="gb300-nvl72"), LIBRARY).platform.machine
    assert machine.chip == LIBRARY.load("chips", LIBRARY.load("nodes", "gb300-nvl72").chip)
    machine = ask(SOME._replace(site="lumi"), LIBRARY).platform.machine
    assert machine.node == LIBRARY.machine("lumi").node
    assert machine.fabric == LIBRARY.load("fabrics", "ndr-rail-3tier")
    stack = ask(SOME._replace(stack="maxtext-2024"), LIBRARY).platform.stack
    assert stack == LIBRARY.load("stacks", "maxtext-2024")
    both = ask(SOME._replace(chip="b200", node="dgx-h100"), LIBRARY).platform.machine
    assert (both.chip, both.node.nics) == (
        LIBRARY.load("chips", "b200"),
        LIBRARY.load("nodes", "dgx-h100").nics,
    )


def test_the_second_partition_that_has_the_fabric_lends_its_node():
    machine = ask(Asked("hdr-fat-tree", "send", "8", "1MB"), LIBRARY).platform.machine
    assert machine.fabric == LIBRARY.load("fabrics", "hdr-fat-tree")


def test_a_fabric_that_no_site_has_needs_a_node():
    asked = SOME._replace(target="gaudi-roce")
    with pytest.raises(Faults, match="no site uses this fabric"):
        ask(asked, LIBRARY)
    machine = ask(asked._replace(node="hls-gaudi2"), LIBRARY).platform.machine
    assert machine.chip == LIBRARY.load("chips", "gaudi2")
    assert ask(asked._replace(chip="gaudi2"), LIBRARY).platform.machine.chip == machine.chip


def test_overrides_change_the_network_and_the_software():
    base = answer(ask(SOME._replace(ranks="64", size="1GB", algorithm="ring"), LIBRARY))
    changed = SOME._replace(
        ranks="64", size="1GB", algorithm="ring", overrides=("fabric.link_fraction=0.5",)
    )
    assert answer(ask(changed, LIBRARY)).calls[0]["time_s"] > base.calls[0]["time_s"]
    late = SOME._replace(overrides=("stack.collectives.launch=1 ms",))
    assert ask(late, LIBRARY).platform.stack.collectives.launch == 1e-3


def said(asked: Asked) -> list[str]:
    with pytest.raises(Faults) as error:
        ask(asked, LIBRARY)
    return str(error.value).splitlines()


def test_all_faults_are_said_at_once():
    wrong = SOME._replace(
        target="ndr-rail-3teir",
        ranks="0,8",
        size="1000",
        stride=0,
        algorithm="rings",
        chip="h1000",
        stack="x",
    )
    lines = said(wrong)
    assert len(lines) == 7
    assert 'did you mean "ndr-rail-3tier"?' in lines[-1]
    assert 'did you mean "ring"?' in "".join(lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chip": "h1000"}, 'did you mean "h100"?'),
        ({"node": "dgx-h10"}, 'did you mean "dgx-h100"?'),
        ({"site": "jupitr"}, 'did you mean "jupiter"?'),
        ({"stack": "megatron-204"}, 'did you mean "megatron-2024"?'),
        ({"target": "jupiter", "site": "lumi"}, '--site = "lumi": "jupiter" is a site already'),
        ({"target": "jupiter", "partition": 1}, "no such partition"),
        ({"target": "jupiter", "ranks": "100000"}, "reaches over 100,000 chips"),
        ({"target": "jupiter", "ranks": "8", "stride": 10_000}, "reaches over 70,001 chips"),
        ({"chip": "tpu-v5p"}, "axes of the scale-up domain"),
        ({"collective": "send", "algorithm": "ring"}, 'expected "message"'),
        ({"collective": "all-gather", "algorithm": "tree"}, "no algorithm of all-gather"),
        ({"overrides": ("workload.tokens=1",)}, "does not belong to a machine"),
    ],
)
def test_a_wrong_question_is_refused(change: dict, message: str):
    (line,) = said(SOME._replace(**change))
    assert message in line


def test_a_broken_site_elsewhere_does_not_matter(tmp_path: Path):
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "a-broken.toml").write_text('name = "Broken"\n', encoding="utf-8")
    assert ask(SOME, Library([tmp_path])).carrier == "ai-factory"

"""The verb `network` on flows: forms, files, faults."""

import json
from pathlib import Path

import pytest

from perfmodel import cli
from perfmodel.results.parquet import read

ASKED = ["network", "ndr-rail-3tier", "--hosts", "512"]


def test_json_has_the_keys_that_others_rely_on(capsys: pytest.CaptureFixture[str]):
    words = [*ASKED, "--pattern", "node-permutation", "--size", "1GB", "--format", "json"]
    assert cli.run(words) == 0
    answer = json.loads(capsys.readouterr().out)
    stable = ("hosts", "flows", "rounds", "solve_wall_s", "mean_rate_fraction")
    assert {*stable, "min_rate_fraction", "verified"} <= set(answer)
    assert (answer["hosts"], answer["verified"], answer["unreachable_pairs"]) == (512, True, 0)
    assert answer["makespan_s"] == pytest.approx(1e9 / 50e9 / answer["min_rate_fraction"], rel=1e-3)


def test_files_and_figures_are_written(tmp_path: Path):
    assert cli.run([*ASKED, "--failed-links", "0.05", "--out", str(tmp_path)]) == 0
    stems = ("flow_steps", "flow_rates", "flow_levels", "flow_slow_downs")
    assert all((tmp_path / f"{stem}.parquet").exists() for stem in stems)
    for stem in ("rate_distribution", "slow_down", "hottest_links"):
        assert (tmp_path / f"{stem}.png").stat().st_size > 5000
    stored = read(tmp_path / "flow_rates.parquet")
    assert stored.provenance.scenario["failed_links"] == 0.05
    assert stored.rows["rate_fraction"].max() <= 1.0 + 1e-6


def test_the_table_names_pattern_fabric_and_levels(capsys: pytest.CaptureFixture[str]):
    assert cli.run([*ASKED, "--pattern", "doubling"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("doubling", "NDR rail", "Steps", "leaf", "scale-up"))


FAULTS = {
    "more chips": ["network", "jupiter", "--hosts", "2000000000"],
    "--failed-links": [*ASKED, "--failed-links", "2"],
    "--degrees": [*ASKED, "--pattern", "groups"],
    "no such pattern": [*ASKED, "--pattern", "gossip"],
    "--subflows": [*ASKED, "--subflows", "0"],
    "routing of dragonflies": [*ASKED, "--routing", "valiant"],
    "--black-hole": [*ASKED, "--black-hole"],
    "beside --collective": ["network", "ndr-rail-3tier", "--collective", "send"],
    "no fabric or site": ["network", "ethernet"],
}


@pytest.mark.parametrize("words", FAULTS, ids=str)
def test_a_mistake_is_one_message_and_status_two(capsys: pytest.CaptureFixture[str], words: str):
    if words == "more chips":
        FAULTS[words][1] = "ndr-rail-3tier"
    assert cli.run(FAULTS[words]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_unreachable_pairs_are_counted_and_get_nothing(capsys: pytest.CaptureFixture[str]):
    words = [*ASKED, "--pattern", "pod-shift", "--failed-links", "1", "--format", "json"]
    assert cli.run([*words[:4], "--pattern", "leaf-shift", *words[6:]]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["unreachable_pairs"] == 512
    assert answer["min_rate_fraction"] == 0.0
    assert answer["verified"]


def test_before_convergence_hashed_flows_run_into_dead_links(capsys: pytest.CaptureFixture[str]):
    words = [*ASKED, "--pattern", "leaf-shift", "--routing", "ecmp", "--failed-links", "0.1"]
    rates = []
    for more in ([], ["--black-hole"]):
        assert cli.run([*words, *more, "--format", "json"]) == 0
        rates.append(json.loads(capsys.readouterr().out)["min_rate_fraction"])
    assert rates[0] > 0.0
    assert rates[1] == 0.0

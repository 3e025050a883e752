"""Published power: which rows are predicted, how far off they are, and why others are not."""

from pathlib import Path

import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.lowering.published_power import linpack_machine, lower_linpack
from perfmodel.studies import power_rows
from perfmodel.studies.judged import Judged, Judgement, scored
from perfmodel.studies.power_rows import judge_power, linpack_of, linpack_power, middle

SHIPPED = Library()
FILES = [shipped_measurements(f"power_{kind}.csv") for kind in ("hpl", "training", "states")]


@pytest.fixture(scope="module")
def judged() -> Judged:
    return judge_power(FILES, SHIPPED)


def row(judged: Judged, name: str) -> Judgement:
    (found,) = (one for one in judged.rows if one.id == name)
    return found


def error(judged: Judged, name: str) -> float:
    found = row(judged, name)
    return found.predicted / found.measured - 1.0


def test_linpack_and_node_rows_are_within_eight_percent_in_the_mean(judged):
    groups = scored(judged).groups
    for family in (power_rows.LINPACK, power_rows.EFFICIENCY, power_rows.NODE, power_rows.PEAK):
        assert groups[family].mape <= 0.08, family
        assert groups[family].predicted >= 3


def test_one_prediction_gives_time_and_power_of_gpt3(judged):
    # 761 tokens/s a chip and 6.85 kW a node: MLPerf Training v4.0 power logs
    assert abs(error(judged, "gpt3-175b-512h100:rate")) <= 0.10
    assert abs(error(judged, "gpt3-175b-512h100:mean")) <= 0.06


def test_jupiter_draws_what_its_list_entry_says():
    # 15,794 kW of 23,536 chips: TOP500 2025-11
    row = next(r for r in power_rows._read(FILES[0]) if r.id == "jupiter-booster-2025-11")
    machine = linpack_machine(row, SHIPPED)
    found = linpack_of(lower_linpack(machine))
    megawatts = linpack_power(found.chip_power, machine) * machine.chips / 1e6
    assert megawatts == pytest.approx(15.8, rel=0.10)
    assert found.rate * machine.chips == pytest.approx(1e18, rel=0.10)


def test_jobs_that_are_not_modelled_say_so(judged):
    for name, word in (("llama2-70b-lora-1n-h100:mean", "LoRA"), ("bert-1n-h100:mean", "BERT")):
        found = row(judged, name)
        assert word in found.skipped
        assert found.predicted != found.predicted


def test_the_peak_of_a_node_is_every_chip_at_its_cap_whatever_runs(judged):
    peaks = [one for one in judged.rows if one.groups["family"] == power_rows.PEAK]
    immersed = {one.predicted for one in peaks if "air" not in one.id}
    assert len(immersed) == 1
    assert row(judged, "dense-h100-air:peak").predicted > immersed.pop()  # fans


@pytest.mark.parametrize(
    ("text", "watts"),
    [("146-160", 153.0), ("88/560", 88.0), ("72-77", 74.5), ("400", 400.0)],
)
def test_the_middle_of_a_range_is_read(text, watts):
    assert middle(text) == watts


@pytest.mark.parametrize("text", ["62/101/372/413/440/600", "~7750 per node", "1.0 s", "-50 %"])
def test_other_text_is_no_power(text):
    assert middle(text) is None


def test_a_file_of_something_else_is_refused(tmp_path: Path):
    path = tmp_path / "other.csv"
    path.write_text("id,value\none,2\n", "utf-8")
    with pytest.raises(Faults, match="no power in it"):
        judge_power([path], SHIPPED)


def test_rows_of_ones_own_are_predicted(tmp_path: Path):
    path = tmp_path / "own.csv"
    path.write_text(
        "id,system,chip_id,chips,rmax_pflops,power_kw,system_power_w_per_chip\n"
        "mine,Some cluster,gh200-96,1000,45,700,700\n"
        "odd,Other cluster,tpu-v4,1000,45,700,700\n",
        "utf-8",
    )
    known, _, unknown, _ = judge_power([path], SHIPPED).rows
    assert known.predicted == pytest.approx(700, rel=0.1)
    assert "no node of the library" in unknown.skipped

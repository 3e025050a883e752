"""What a wrong config file gets to hear: one line per fault, in plain words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from perfmodel.config.faults import MOST_LISTED, Fault, Faults, printable, shown
from perfmodel.config.library import Library

CASES = {
    'bandwidth = "3 TB/s"': {
        'bandwith = "3 TB/s"': [
            ':13: memory.bandwidth: is missing; expected a number and a unit, such as "3.35 TB/s" '
            "(Peak bandwidth)",
            ':15: memory.bandwith = "3 TB/s": no such field; did you mean "bandwidth"?',
        ],
        "bandwidth = 3": [
            ":15: memory.bandwidth = 3: a number without a unit; expected a number and a unit, "
            'such as "3.35 TB/s"'
        ],
        'bandwidth = "3 GB"': [
            ':15: memory.bandwidth = "3 GB": "GB" does not measure B/s; expected a unit of B/s, '
            'such as in "3.35 TB/s"'
        ],
        'bandwidth = "3,35 TB/s"': [
            ':15: memory.bandwidth = "3,35 TB/s": a comma in the number; expected a decimal '
            'point, a number and a unit, such as "3.35 TB/s"'
        ],
        'bandwidth = "-3 TB/s"': [
            ':15: memory.bandwidth = "-3 TB/s": not positive; expected a number and a unit, such '
            'as "3.35 TB/s"'
        ],
        'bandwidth = "1e30 TB/s"': [
            ':15: memory.bandwidth = "1e30 TB/s": above 1e+18 B/s; expected a number and a unit, '
            'such as "3.35 TB/s"'
        ],
        "bandwidth = true": [
            ":15: memory.bandwidth = true: not a text; expected a number and a unit, such as "
            '"3.35 TB/s"'
        ],
        "bandwidth = {}": [
            ':15: memory.bandwidth: not a text; expected a number and a unit, such as "3.35 TB/s"'
        ],
        'bandwidth = ""': [
            ':15: memory.bandwidth = "": is empty; expected a number and a unit, such as '
            '"3.35 TB/s"'
        ],
    },
    "units = 100": {
        "units = 0": [":6: compute.units = 0: below 1; expected a whole number from 1"],
        "units = 1.5": [
            ":6: compute.units = 1.5: is no whole number; expected a whole number from 1"
        ],
        'units = "100"': [':6: compute.units = "100": is a text; expected a whole number from 1'],
        "units = true": [":6: compute.units = true: is a flag; expected a whole number from 1"],
        "units = 1979-05-27": [
            ":6: compute.units = 1979-05-27: is a date or time; expected a whole number from 1"
        ],
        "units = [1]": [":6: compute.units: is an array; expected a whole number from 1"],
        "units = 9_999_999_999_999_999": [
            ":6: compute.units = 9999999999999999: above 1e+15; expected a whole number from 1"
        ],
    },
    "gemm_16bit = 0.9 ": {
        "gemm_16bit = 1.9 ": [
            ":40: efficiency.gemm_16bit = 1.9: above 1; expected a number from 0.001 to 1"
        ],
        "gemm_16bit = nan ": [
            ":40: efficiency.gemm_16bit = nan: not a finite number; expected a number from "
            "0.001 to 1"
        ],
        "gemm_16bit = inf ": [
            ":40: efficiency.gemm_16bit = inf: not a finite number; expected a number from "
            "0.001 to 1"
        ],
    },
    'vendor = "Nobody"': {
        "": ["chips/small.toml: vendor: is missing; expected text in quotes (Who makes it)"],
        'vendor = "Nobody"\nstatus = "produkt"': [
            ':4: status = "produkt": not a word that is known here; expected one of "product", '
            '"announced"; did you mean "product"?'
        ],
        'vendor = "Nobody"\nzzz = 1': [
            ":4: zzz = 1: no such field; expected one of "
            '"name", "vendor", "status", "devices", "compute", "peak", "memory", "scaleup", '
            '"power", "energy", "efficiency"'
        ],
    },
    "[memory]": {
        "memory = 5\n[other]": [
            ':14: other: no such field; did you mean "power"?',
            ":13: peak.memory = 5: no such field; expected one of "
            '"fp64", "tf32", "fp16", "bf16", "fp8", "nvfp4"',
            "chips/small.toml: memory: is missing; expected a table [memory]",
        ],
    },
    'idle = "70 W"': {
        'idle = "1 kW"': [
            ':26: power.tdp = "700 W": not above the idle power; expected more than 1 kW'
        ],
    },
    'pair_bandwidth = "450 GB/s"': {
        'pair_bandwidth = "900 GB/s"': [
            ':19: scaleup.pair_bandwidth = "900 GB/s": more than to all peers; expected at most '
            "bandwidth, 450 GB/s"
        ],
    },
    'bf16 = "1 PFLOP/s"': {
        "": [
            ":10: peak: neither bf16 nor fp16; expected the peak that training needs, bf16 or fp16"
        ],
    },
}
EDITS = [(old, new, said) for old, news in CASES.items() for new, said in news.items()]


@pytest.mark.parametrize(("old", "new", "said"), EDITS, ids=range(len(EDITS)))
def test_a_fault_names_file_line_field_value_and_what_is_right(
    folder: Path, faults_of: Callable, old: str, new: str, said: list[str]
):
    path = folder / "chips" / "small.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    messages = faults_of(Library([folder]).load, "chips", "small")
    whole = [f"chips/small.toml{line}" if line.startswith(":") else line for line in said]
    assert sorted(messages) == sorted(whole)


def test_all_faults_of_a_file_come_at_once(folder: Path, faults_of: Callable):
    path = folder / "chips" / "small.toml"
    text = path.read_text(encoding="utf-8")
    for value in ('"80 GB"', '"3 TB/s"', "0.9 ", "8 "):
        text = text.replace(f"= {value}", "= -1 ", 1)
    path.write_text(text, encoding="utf-8")
    assert len(faults_of(Library([folder]).load, "chips", "small")) == 4


def test_a_fault_in_an_array_is_said_of_its_element_alone(folder: Path, faults_of: Callable):
    path = folder / "fabrics" / "small-fabric.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("oversubscription = 2.0", "oversubscription = 0.5"), "utf-8")
    assert faults_of(Library([folder]).load, "fabrics", "small-fabric") == [
        "fabrics/small-fabric.toml:19: level.1.oversubscription = 0.5: below 1; "
        "expected a number from 1"
    ]


def test_an_alternative_in_words_is_offered(folder: Path, faults_of: Callable):
    path = folder / "sites" / "small-site.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"unlimited"', '"endless"'), "utf-8")
    assert faults_of(Library([folder]).load, "sites", "small-site") == [
        'sites/small-site.toml:22: facility.power_limit = "endless": no number before the unit; '
        'expected a number and a unit, such as "700 W" or "unlimited"'
    ]


def test_levels_that_shrink_outwards_are_refused(folder: Path, faults_of: Callable):
    path = folder / "fabrics" / "small-fabric.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('chips = "unlimited"', "chips = 100"), "utf-8")
    assert faults_of(Library([folder]).load, "fabrics", "small-fabric") == [
        "fabrics/small-fabric.toml:18: level.1.chips = 100: does not grow outwards; "
        'expected more than the 256 of level "leaf" inside it'
    ]


def test_a_report_does_not_grow_without_end():
    faults = Faults(Fault(problem=f"wrong in way {i}") for i in range(MOST_LISTED + 5))
    assert str(faults).splitlines()[-1] == "and 5 more"


def test_a_fault_that_is_found_twice_is_said_once():
    assert len(Faults([Fault(problem="wrong")] * 2).faults) == 1


def test_values_are_shown_as_toml_shortened_and_escaped():
    assert shown("a\x1b[31m\u202e\n") == '"a\\x1b[31m\\u202e\\n"'
    assert len(shown("x" * 10_000)) < 70
    assert shown(10**5000) == "a whole number of more than 77 digits"
    assert shown(True) == "true"
    assert shown({"a": 1}) == "a table"
    assert printable("Jülich 3 µs") == "Jülich 3 µs"

"""Overrides: the field that is meant, the value that it gets, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from perfmodel.config.library import Library
from perfmodel.config.overrides import SCHEMAS, Override, parse, paths, settle
from perfmodel.config.schema.scenario import Scenario

RIGHT = {
    "site.chips=25000": ("machine.chips", 25000),
    "site.partition.0.chips=25000": ("machine.chips", 25000),
    "site.partition.all.chips=25_000": ("machine.chips", 25000),
    "site.facility.power_limit=150 MW": ("machine.facility.power_limit", 150e6),
    "site.power_limit=150 MW": ("machine.facility.power_limit", 150e6),
    "facility.power_limit=unlimited": ("machine.facility.power_limit", "unlimited"),
    "chip.memory.bandwidth=8 TB/s": ("machine.chip.memory.bandwidth", 8e12),
    'chip.memory.bandwidth="8 TB/s"': ("machine.chip.memory.bandwidth", 8e12),
    "chip.tdp = 1 kW": ("machine.chip.power.tdp", 1000.0),
    "chip.peak.fp8=2 PFLOP/s": ("machine.chip.peak.fp8", 2e15),
    "node.nic_bandwidth=800 Gb/s": ("machine.node.nic_bandwidth", 1e11),
    "fabric.level.1.oversubscription=7": ("machine.fabric.level.1.oversubscription", 7.0),
    "fabric.level.core.oversubscription=7": ("machine.fabric.level.1.oversubscription", 7.0),
    "fabric.level.leaf.chips=unlimited": None,
    "fabric.level.leaf.chips=512": ("machine.fabric.level.0.chips", 512),
    "model.layers=16": ("model.layers", 16),
    "workload.batch.sequences=4096": ("workload.batch.sequences", 4096),
    "workload.tokens=1e12": ("workload.tokens", 1e12),
    "workload.causal=false": ("workload.causal", False),
    "workload.name=2025": ("workload.name", "2025"),
    "stack.overlap.data=0.5": ("stack.overlap.data", 0.5),
    "stack.data=0.5": ("stack.overlap.data", 0.5),
    "layout.tp=8": ("layout.tp", 8),
    "layout.dp=fill": ("layout.dp", "fill"),
    "layout.sequence_parallel=False": ("layout.sequence_parallel", False),
}

WRONG = {
    "chip.memory.bandwith=8 TB/s": 'chip.memory.bandwith = "8 TB/s": no such field; did you mean '
    '"chip.memory.bandwidth"?',
    "fabric.nic_bandwidth=8 TB/s": 'fabric.nic_bandwidth = "8 TB/s": no such field; did you mean '
    '"node.nic_bandwidth"?',
    "layout.tensor=8": 'layout.tensor = "8": no such field; did you mean "layout.tp"?',
    "chip.memory=8": 'chip.memory = "8": is a table; expected one of "chip.memory.capacity", '
    '"chip.memory.bandwidth"',
    "zzz=8": 'zzz = "8": no such field; expected a field of one of "chip", "node", "fabric", '
    '"site", "model", "workload", "stack", "storage", "reliability", "cost", "programme", '
    '"scaling", "layout"',
    "chip.bandwidth=1 TB/s": 'chip.bandwidth = "1 TB/s": could mean several fields; expected one '
    'of "chip.memory.bandwidth", "chip.scaleup.bandwidth"',
    "fabric.oversubscription=7": 'fabric.oversubscription = "7": does not say which element; '
    'expected one of "0", "1", "leaf", "core"',
    "fabric.level.2.oversubscription=7": 'fabric.level.2.oversubscription = "7": has no element '
    '"2"; expected one of "0", "1", "leaf", "core"',
    "site.chips=1,2,3": 'site.chips = "1,2,3": a list of values belongs to a sweep; expected one '
    "value with a decimal point",
    "site.chips=[1, 2]": 'site.chips = "[1, 2]": a list of values belongs to a sweep; expected '
    "one value",
    "chip=small,large": 'chip = "small,large": a list of values belongs to a sweep; expected one '
    "value",
    "workload=a,b": 'workload = "a,b": a list of values belongs to a sweep; expected one value',
    "node.nic_bandwidth=geomspace(100 Gb/s, 1.6 Tb/s, 9)": "node.nic_bandwidth = "
    '"geomspace(100 Gb/s, 1.6 Tb/s, 9)": a list of values belongs to a sweep; expected one value',
    "site.chips=range(8)": 'site.chips = "range(8)": a list of values belongs to a sweep; '
    "expected one value",
    "chip.memory.bandwidth=8": 'chip.memory.bandwidth = "8": a number without a unit; expected a '
    'number and a unit, such as "3.35 TB/s"',
    "site.chips=100k": 'site.chips = "100k": is a text; expected a whole number from 1',
    "site.chips=0": "site.chips = 0: below 1; expected a whole number from 1",
    "site.chips=2.5": "site.chips = 2.5: is no whole number; expected a whole number from 1",
    "stack.data=nan": 'stack.data = "nan": is a text; expected a number from 0 to 1',
    "workload.causal=maybe": 'workload.causal = "maybe": is a text; expected true or false',
    "workload.precision=fp9": 'workload.precision = "fp9": not a word that is known here; expected '
    'one of "bf16", "fp16", "fp8", "fp8-current", "fp8-block", "mxfp8", "nvfp4"; did you '
    'mean "fp8"?',
    "layout.dp=all": 'layout.dp = "all": is a text; expected a whole number from 1 or "fill"',
    "chip.power.tdp=50 W": 'chip.power.tdp = "50 W": not above the idle power; expected more than '
    "70 W",
    "chip=smal": 'chip = "smal": no chip has that name; did you mean "small"?',
    "node=small": 'node = "small": is a chip, not a node; did you mean "small-node"?',
    "stack=../small-stack": 'stack = "../small-stack": not a name of a config; did you mean '
    '"small-stack"?',
    "site=smallsite": 'site = "smallsite": no site has that name; did you mean "small-site"?',
    "site.chips": '"site.chips": not an override; expected noun.field=value, such as '
    "site.chips=25000",
    "=5": '"=5": not an override; expected noun.field=value, such as site.chips=25000',
    "site..chips=5": '"site..chips=5": not an override; expected noun.field=value, such as '
    "site.chips=25000",
    "site.chips=": "site.chips: has no value; expected noun.field=value, such as site.chips=25000",
    "site.name=\u202ex": 'site.name = "\\u202ex": holds control or invisible characters; expected '
    "plain text",
}


def value_at(scenario: Scenario, path: str) -> Any:
    value: Any = scenario
    for part in path.split("."):
        value = value[int(part)] if part.isdecimal() else getattr(value, part)
    return value


@pytest.mark.parametrize("text", [text for text, wanted in RIGHT.items() if wanted])
def test_an_override_changes_its_field_and_no_other(small: Library, text: str):
    path, value = RIGHT[text]
    before = small.scenario("small-site", "small-job", overrides=["layout.pp=1"])
    after = small.scenario("small-site", "small-job", overrides=["layout.pp=1", text])
    assert value_at(after, path) == value
    assert type(value_at(after, path)) is type(value)
    assert value_at(before, path) != value or path == "layout.dp" or value == "unlimited"
    assert changes(before, after) <= {path, f"machine.site.{path.removeprefix('machine.')}"} | (
        {"machine.site.partition.0.chips"} if path == "machine.chips" else set()
    )


def changes(before: Scenario, after: Scenario) -> set[str]:
    from perfmodel.config.documents import dotted, walk

    old = {dotted(path): value for path, value in walk(before.model_dump())}
    new = {dotted(path): value for path, value in walk(after.model_dump())}
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_override_is_told_what_would_be_right(
    small: Library, faults_of: Callable, text: str
):
    messages = faults_of(small.scenario, "small-site", "small-job", overrides=[text])
    assert messages == [f"override: {WRONG[text]}"]


def test_all_wrong_overrides_are_told_at_once(small: Library, faults_of: Callable):
    overrides = ["chip.compute.units=0", "model.layers=x", "layout.tp=0", "stack.data=2"]
    assert len(faults_of(small.scenario, "small-site", "small-job", overrides=overrides)) == 4


def test_the_same_path_twice_is_a_mistake(small: Library, faults_of: Callable):
    assert faults_of(parse, ["site.chips=1", "site.chips=2"]) == [
        "override: site.chips: is given twice"
    ]


def test_an_over_long_override_is_refused_shortened(faults_of: Callable):
    message = faults_of(parse, ["site.name=" + "x" * 10_000])[0]
    assert "too long" in message
    assert len(message) < 250


def test_an_override_splits_at_its_first_equals_sign():
    assert parse(["site.name=a=b"]) == [Override("site.name", "a=b")]


def test_every_path_that_is_offered_is_accepted():
    overrides = [Override(path, "1") for noun in SCHEMAS for path in paths(noun)]
    assert len(settle(overrides)) == len(overrides)


def test_a_config_name_replaces_a_whole_config(small: Library, write: Callable):
    write("chips/fast", 'extends = "small"\nname = "Fast"\n')
    write("nodes/rack", 'extends = "small-node"\nname = "Rack"\nchips = 72\n')
    write("fabrics/wide", 'extends = "small-fabric"\nname = "Wide"\n')
    write("stacks/old", 'extends = "small-stack"\nname = "Old"\n')
    write("models/tall", 'extends = "small-model"\nname = "Tall"\n')
    chosen = ["chip=fast", "node=rack", "fabric=wide", "stack=old", "model=tall"]
    scenario = small.scenario("small-site", "small-job", overrides=chosen)
    machine = scenario.machine
    assert (machine.chip.name, machine.node.name, machine.fabric.name) == ("Fast", "Rack", "Wide")
    assert (scenario.stack.name, scenario.model.name) == ("Old", "Tall")
    assert machine.node.chips == 72


def test_a_chip_can_be_named_by_its_site_or_its_node(small: Library, write: Callable):
    write("chips/fast", 'extends = "small"\nname = "Fast"\n')
    for text in ("chip=fast", "site.chip=fast", "node.chip=fast"):
        assert small.machine("small-site", [text]).chip.name == "Fast"


def test_a_replaced_config_takes_overrides_too(small: Library, write: Callable):
    write("chips/fast", 'extends = "small"\nname = "Fast"\n')
    chip = small.machine("small-site", ["chip.tdp=900 W", "chip=fast"]).chip
    assert (chip.name, chip.power.tdp) == ("Fast", 900.0)


def test_the_site_and_the_workload_can_be_named_as_well(small: Library, write: Callable):
    write("sites/other", 'extends = "small-site"\nname = "Other"\n')
    write("workloads/long", 'extends = "small-job"\nsequence_length = 131072\n')
    scenario = small.scenario("small-site", "small-job", overrides=["site=other", "workload=long"])
    assert scenario.machine.site.name == "Other"
    assert scenario.workload.sequence_length == 131072


def test_a_cap_is_set_on_the_chip_and_stays_below_the_highest(small: Library, faults_of: Callable):
    scenario = small.scenario("small-site", "small-job", overrides=["chip.power_cap=500 W"])
    assert scenario.machine.chip.power.cap == 500.0
    messages = faults_of(
        small.scenario, "small-site", "small-job", overrides=["chip.power_cap=5 kW"]
    )
    (message,) = messages
    assert "chip.power_cap" in message
    assert "above the highest cap" in message

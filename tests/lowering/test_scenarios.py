"""Many scenarios lowered at once: the same numbers as one by one."""

import jax
import numpy as np
import pytest

from perfmodel.config.axes import Sampling, parse_axes
from perfmodel.config.fields import leaves
from perfmodel.config.library import Library
from perfmodel.lowering.layout import lower_layout
from perfmodel.lowering.scenarios import layout_columns, lower_scenarios, vectors_of
from perfmodel.lowering.site import lower_site

SITE, WORKLOAD = "gigafactory", "deepseek-v3"
LAYOUT = ("layout.tp=4", "layout.pp=4", "layout.ep=64")


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


def one_by_one(library: Library, paths: list[str], texts: list[list[str]]) -> np.ndarray:
    """Vectors of scenarios that are resolved each on its own. Axes: number, point."""
    found = []
    for row in zip(*texts, strict=True):
        own = [f"{path}={text}" for path, text in zip(paths, row, strict=True)]
        kept = [one for one in LAYOUT if one.partition("=")[0] not in paths]
        scenario = library.scenario(SITE, WORKLOAD, overrides=(*kept, *own))
        batch = scenario.workload.batch.sequences
        layout = lower_layout(scenario.layout, scenario.machine.chips, batch, scenario.model.layers)
        leaves = jax.tree.leaves((lower_site(scenario), layout))
        found.append(np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(np.float32))
    return np.array(found).T


AXES = (
    "node.nic_bandwidth=100 Gb/s,800 Gb/s,1.6 Tb/s",
    "chip.memory.bandwidth=4 TB/s,8 TB/s,9 TB/s",
    "chip.compute.max_clock=2.4 GHz,2.5 GHz,2.6 GHz",
    "chip.scaleup.domain=8,72,144",
    "chip.peak.fp8=2 PFLOP/s,3 PFLOP/s,9 PFLOP/s",
    "fabric.failed_links=0,0.02,0.07",
    "fabric.level.core.oversubscription=1,2,7",
    "fabric.level.0.latency=1 us,5 us,9 us",
    "site.chips=4096,50000,98304",
    "facility.outside_temperature=5 degC,15 degC,38 degC",
    "workload.batch.sequences=1000,4096,15360",
    "stack.collectives.launch=1 us,5 us,20 us",
    "layout.tp=1,2,8",
    "layout.micro_batch=1,2,4",
    "model.layers=58,61,64",
)


@pytest.mark.parametrize("text", AXES)
def test_lanes_give_the_numbers_of_each_scenario(library: Library, text: str):
    (axis,) = parse_axes([text], Sampling())
    (column,) = axis.columns
    own = [one for one in LAYOUT if not text.startswith(one.partition("=")[0])]
    scenario = library.scenario(SITE, WORKLOAD, overrides=(*own, f"{column.path}={column.text(0)}"))
    groups = lower_scenarios(scenario, {column.path: column.values}, axis.size)
    texts = [[column.text(place) for place in range(axis.size)]]
    expected = one_by_one(library, [column.path], texts)
    found = np.full_like(expected, np.nan)
    for group in groups:
        found[:, group.chosen] = vectors_of(group)
    assert (found == expected).all()


def test_every_number_of_the_machine_may_be_a_lane(library: Library):
    scenario = library.scenario(SITE, WORKLOAD, overrides=LAYOUT)
    machine, tried = scenario.machine, 0
    for noun in ("chip", "node", "fabric", "facility"):
        for leaf in leaves(type(getattr(machine, noun))):
            value = getattr(machine, noun)
            for part in leaf.path:
                value = value[0] if part == "*" and value else getattr(value, part, None)
            if not isinstance(value, float) or not leaf.is_number:
                continue
            path = ".".join((noun, *("0" if part == "*" else part for part in leaf.path)))
            values = value * np.array([0.99, 0.995, 1.0])
            groups = lower_scenarios(scenario, {path: values}, 3)
            assert sum(len(group.chosen) for group in groups) == 3, path
            tried += 1
    assert tried > 60


def test_lanes_do_not_split_where_the_code_does_not_branch(library: Library):
    scenario = library.scenario(SITE, WORKLOAD, overrides=LAYOUT)
    columns = {
        "node.nic_bandwidth": np.linspace(20e9, 90e9, 1000),
        "chip.memory.bandwidth": np.linspace(3e12, 9e12, 1000),
        "fabric.failed_links": np.linspace(0.0, 0.05, 1000),
    }
    assert len(lower_scenarios(scenario, columns, 1000)) <= 3


def test_a_broken_rule_between_fields_is_a_reason(library: Library):
    scenario = library.scenario(SITE, WORKLOAD, overrides=LAYOUT)
    most = scenario.machine.chip.scaleup.bandwidth
    columns = {"chip.scaleup.pair_bandwidth": np.array([0.5, 2.0]) * most}
    groups = lower_scenarios(scenario, columns, 2)
    problems = {group.chosen[0]: group.problem for group in groups}
    assert problems[0] == ""
    assert "more than to all peers" in problems[1]


def test_layouts_come_by_field(library: Library):
    scenario = library.scenario(SITE, WORKLOAD, overrides=LAYOUT)
    (group,) = lower_scenarios(scenario, {}, 2)
    columns = layout_columns(group)
    assert columns["tp"].tolist() == [4.0, 4.0]
    assert set(columns) >= {"dp", "pp", "micro_batches"}

"""From names to a scenario: what names what, and faults of all files at once."""

from collections.abc import Callable
from pathlib import Path

from perfmodel.config.library import Library

PARTITION = """
[[partition]]
name = "{name}"
node = "small-node"
chips = {chips}  # tender
fabric = "small-fabric"
stack = "{stack}"
"""


def test_a_scenario_holds_all_that_its_names_lead_to(small: Library):
    scenario = small.scenario("small-site", "small-job")
    machine = scenario.machine
    assert (machine.chips, machine.chip.name, machine.node.name) == (
        1024,
        "Small chip",
        "Small node",
    )
    assert machine.fabric.name == "Small fabric"
    assert machine.facility == machine.site.facility
    assert (scenario.model.name, scenario.stack.name) == ("Small model", "Small stack")
    assert scenario.layout is None


def test_a_layout_exists_once_one_of_its_fields_is_named(small: Library):
    layout = small.scenario("small-site", "small-job", overrides=["layout.tp=4"]).layout
    assert layout is not None
    assert (layout.tp, layout.pp, layout.dp) == (4, 1, "fill")


def test_each_partition_is_a_machine(small: Library, write: Callable):
    parts = [
        PARTITION.format(name=n, chips=c, stack="small-stack") for n, c in (("a", 8), ("b", 16))
    ]
    write("sites/two", f'extends = "small-site"\n{"".join(parts)}')
    assert [machine.chips for machine in small.machines("two")] == [8, 16]
    assert small.machine("two", partition=1).chips == 16
    assert [machine.chips for machine in small.machines("two", ["site.chips=9"])] == [9, 16]


def test_the_stack_is_that_of_the_partition_the_caller_or_the_override(
    small: Library, write: Callable
):
    for name in ("a", "b"):
        write(f"stacks/{name}", f'extends = "small-stack"\nname = "{name}"\n')
    names = ("small-site", "small-job")
    assert small.scenario(*names).stack.name == "Small stack"
    assert small.scenario(*names, stack="a").stack.name == "a"
    assert small.scenario(*names, stack="a", overrides=["stack=b"]).stack.name == "b"


def test_a_platform_is_a_machine_and_its_software(small: Library, write: Callable):
    write("stacks/a", 'extends = "small-stack"\nname = "a"\n')
    platform = small.platform("small-site")
    assert platform.machine == small.machine("small-site")
    assert platform.stack.name == "Small stack"
    assert small.platform("small-site", stack="a").stack.name == "a"
    changed = small.platform("small-site", overrides=["stack.year=2030", "fabric.reduction=0.5"])
    assert (changed.stack.year, changed.machine.fabric.reduction) == (2030, 0.5)


def test_a_platform_says_all_its_faults_and_takes_no_job(small: Library, faults_of: Callable):
    assert faults_of(small.platform, "small-site", overrides=["workload.tokens=1"]) == [
        "override: workload.tokens: does not belong to a machine; "
        "expected a field of its site, node, chip, fabric or stack"
    ]
    wrong = ["fabric.reduction=2", "stack.year=0"]
    first, second = faults_of(small.platform, "small-site", overrides=wrong)
    assert first.startswith("override: fabric.reduction = 2")
    assert second.startswith("override: stack.year = 0")


def test_a_name_that_leads_nowhere_is_placed_where_it_was_written(
    small: Library, folder: Path, faults_of: Callable
):
    path = folder / "nodes" / "small-node.toml"
    path.write_text(path.read_text("utf-8").replace('chip = "small"', 'chip = "smal"'), "utf-8")
    assert faults_of(small.machine, "small-site") == [
        'nodes/small-node.toml:3: chip = "smal": no chip has that name; did you mean "small"?'
    ]


def test_faults_of_all_files_come_at_once(small: Library, folder: Path, faults_of: Callable):
    for name, old, new in (
        ("nodes/small-node", "chips = 8 ", "chips = 0 "),
        ("models/small-model", "layers = 32", "layers = -1"),
        ("stacks/small-stack", "tensor = 0.5", "tensor = 5"),
        ("fabrics/small-fabric", '"5 us"', '"5 W"'),
    ):
        path = folder / f"{name}.toml"
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    messages = faults_of(small.scenario, "small-site", "small-job")
    assert [message.partition(":")[0] for message in messages] == [
        "nodes/small-node.toml",
        "fabrics/small-fabric.toml",
        "stacks/small-stack.toml",
        "models/small-model.toml",
    ]


def test_a_machine_has_no_workload_to_override(small: Library, faults_of: Callable):
    assert faults_of(small.machine, "small-site", ["model.layers=1", "layout.tp=2"]) == [
        f"override: {path}: does not belong to a machine; expected a field of its site, node, chip "
        "or fabric"
        for path in ("model.layers", "layout.tp")
    ]


def test_a_partition_that_is_not_there_is_said(small: Library, faults_of: Callable):
    assert faults_of(small.machine, "small-site", partition=3) == [
        "sites/small-site.toml: 3: no such partition; expected 0 to 0"
    ]

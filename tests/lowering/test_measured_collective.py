"""Rows of measured collectives: which system stands for each, and what becomes of its size."""

from pathlib import Path

import numpy as np
import pytest

from perfmodel.config.faults import Faults
from perfmodel.config.library import Library
from perfmodel.config.measured_systems import read_systems, systems_place
from perfmodel.config.measurements import read_files, shipped_measurements
from perfmodel.config.schema.measurement import CollectiveRow
from perfmodel.lowering.measured_collective import Measured, measured
from perfmodel.lowering.stack import ALGORITHMS

SHIPPED = Library()
SYSTEMS = read_systems(SHIPPED)
FILES = [shipped_measurements(f"{name}.csv") for name in ("collectives", "collectives_eu")]


def row(**changed) -> CollectiveRow:
    """A row of two nodes of eight H100 on a network of Azure."""
    given = {
        "id": "one",
        "system": "Azure ND H100 v5",
        "chip_id": "h100",
        "nodes": 2,
        "chips": 16,
        "fabric": "InfiniBand NDR",
        "collective": "all_reduce",
        "algorithm": "auto",
        "memory": "device",
        "size_bytes": 2**20,
        "time_us": 100.0,
    }
    return CollectiveRow.model_validate(given | changed)


def stood_for(**changed) -> Measured:
    found = measured(row(**changed), SYSTEMS, SHIPPED)
    assert isinstance(found, Measured), found
    return found


def test_every_row_of_the_shipped_files_that_may_be_judged_has_a_system():
    rows = [one for one in read_files(FILES, CollectiveRow) if one.use != "exclude"]
    device = [one for one in rows if one.memory == "device"]
    found = [measured(one, SYSTEMS, SHIPPED) for one in device]
    assert len(found) == 568
    assert all(isinstance(one, Measured) for one in found)


def test_the_chip_of_a_shipped_row_is_the_one_that_its_source_names():
    rows = [one for one in read_files(FILES, CollectiveRow) if one.memory == "device"]
    named = [one for one in rows if one.use != "exclude" and one.chip_id]
    assert len({one.chip_id for one in named}) == 8
    for one in named:
        found = measured(one, SYSTEMS, SHIPPED)
        assert isinstance(found, Measured)
        document = SHIPPED.document("chips", SHIPPED.load("nodes", found.system.node).chip)
        chain = [document.name]
        while document.parent:
            document = document.parent
            chain.append(document.name)
        assert one.chip_id in chain


@pytest.mark.parametrize(
    ("printed", "kind"),
    [
        ("all_reduce", "all-reduce"),
        ("allreduce", "all-reduce"),
        ("AllGather", "all-gather"),
        ("reduce_scatter", "reduce-scatter"),
        ("alltoall", "all-to-all"),
        ("sendrecv", "send"),
    ],
)
def test_an_operation_is_known_however_it_is_written(printed, kind):
    found = stood_for(collective=printed)
    assert found.collective == kind
    assert found.call.payload == 2**20


def test_one_rank_a_node_lies_a_whole_node_apart_and_shares_no_card():
    eu = read_files(FILES[1:], CollectiveRow)
    leonardo = {
        one.tasks_per_node: measured(one, SYSTEMS, SHIPPED)
        for one in eu
        if one.system == "leonardo" and one.algorithm == "ring" and one.memory == "device"
    }
    strides = {tasks: one.call.groups.stride[0] for tasks, one in leonardo.items()}
    assert strides == {1: 4.0, 2: 2.0, 4: 1.0}
    cards = {tasks: one.call.network.bandwidth[1] for tasks, one in leonardo.items()}
    assert cards[1] == pytest.approx(2 * cards[2])
    assert cards[1] == pytest.approx(4 * cards[4])


def test_trays_of_a_rack_are_one_domain():
    found = stood_for(
        system="CoreWeave", chip_id="gb200", fabric="2 NVL72 rack(s)", nodes=36, chips=144
    )
    assert found.call.groups.stride[0] == 1.0
    assert found.call.network.domain[0] == 72


def test_entries_of_one_machine_differ_by_its_network():
    sharp = stood_for(system="CoreWeave", fabric="NDR400 IB + SHARP", algorithm="sharp")
    assert sharp.system.node == "dgx-h100"
    assert sharp.call.network.reduction[0] == 0.0
    assert sharp.call.network.reduction[1] > 0.0


def test_a_named_algorithm_is_the_only_one_and_the_librarys_choice_leaves_all():
    def marks(algorithm: str) -> set[str]:
        allowed = stood_for(algorithm=algorithm).call.library.allowed
        return {name for name, place in ALGORITHMS.items() if allowed[place]}

    assert marks("ring") == {"ring"}
    assert marks("nvls") == marks("sharp") == {"in-network"}
    assert marks("auto") == {"ring", "tree", "in-network"}


def test_the_launch_is_that_of_the_benchmark_not_of_the_stack():
    found = stood_for()
    assert found.call.library.launch == found.system.launch
    assert found.system.launch > 2 * found.platform.stack.collectives.launch


def test_an_unknown_machine_takes_the_system_with_its_chip_and_network():
    found = stood_for(system="Ours", fabric="EFA 3200 Gb/s")
    assert (found.system.node, found.system.fabric) == ("p5", "efa")
    found = stood_for(system="Ours", fabric="NDR InfiniBand")
    assert found.system.fabric == "ndr-rail-3tier"


def test_inside_one_domain_the_network_takes_no_part():
    found = stood_for(system="Ours", fabric="carrier pigeons", nodes=1, chips=8)
    assert found.platform.machine.node.chip == "h100"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"system": "Ours", "chip_id": None}, "no chip is named"),
        (
            {"system": "Ours", "chip_id": "abacus"},
            "has the chip abacus; add one to validation/systems.toml",
        ),
        ({"system": "Ours", "chip_id": "a100-8O"}, 'did you mean "a100-80"'),
        ({"system": "Ours", "fabric": "carrier pigeons"}, "joins h100 by carrier pigeons"),
        ({"collective": "broadcast"}, "no formula for broadcast"),
        ({"algorithm": "other"}, "no formula for the algorithm other"),
        ({"size_bytes": None}, "no size, number of ranks or time"),
        ({"chips": 1}, "one rank alone"),
    ],
)
def test_a_row_without_a_prediction_says_why(changed, reason):
    found = measured(row(**changed), SYSTEMS, SHIPPED)
    assert isinstance(found, str)
    assert reason in found


def test_systems_of_a_users_folder_come_first(tmp_path: Path):
    (tmp_path / "chips").mkdir()
    own = tmp_path / "validation" / "systems.toml"
    own.parent.mkdir()
    own.write_text(
        '[[system]]\nsystem = "Ours"\nnode = "dgx-b200"\nfabric = "efa"\n'
        'stack = "megatron-core-2025"\nalgorithms = ["ring"]\nlaunch = "1 us"\n'
    )
    library = Library([tmp_path])
    systems = read_systems(library)
    assert len(systems) == len(SYSTEMS) + 1
    assert systems_place(library, systems[0]) == (own, 0)
    found = measured(row(system="ours", chip_id="b200"), systems, library)
    assert isinstance(found, Measured)
    assert found.system is systems[0]
    assert np.asarray(found.call.library.allowed).sum() == 1


def test_faults_of_a_users_systems_are_said_with_their_lines(tmp_path: Path):
    (tmp_path / "chips").mkdir()
    own = tmp_path / "validation" / "systems.toml"
    own.parent.mkdir()
    own.write_text(
        '[[system]]\nsystem = "Ours"\nnode = "dgx-b200"\nfabric = "efa"\nlunch = "1 us"\n'
        'stack = "megatron-core-2025"\nalgorithms = ["rings"]\n'
    )
    with pytest.raises(Faults) as caught:
        read_systems(Library([tmp_path]))
    said = [str(fault) for fault in caught.value.faults]
    assert any(":5: system.0.lunch" in one and 'did you mean "launch"' in one for one in said)
    assert any(":7: system.0.algorithms" in one and 'did you mean "ring"' in one for one in said)
    assert any("system.0.launch: is missing" in one for one in said)


def test_a_config_that_a_users_system_names_and_that_is_missing_is_said_with_its_line(
    tmp_path: Path,
):
    (tmp_path / "chips").mkdir()
    own = tmp_path / "validation" / "systems.toml"
    own.parent.mkdir()
    own.write_text(
        '[[system]]\nsystem = "Ours"\nnode = "dgx-b20"\nfabric = "efa"\nlaunch = "1 us"\n'
        'stack = "megatron-core-2025"\nalgorithms = ["ring"]\n'
    )
    with pytest.raises(Faults) as caught:
        read_systems(Library([tmp_path]))
    (said,) = (str(fault) for fault in caught.value.faults)
    assert ":3: system.0.node" in said
    assert 'did you mean "dgx-b200"' in said

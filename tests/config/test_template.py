"""Files to start from: complete, refused until filled in, right once they are."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from perfmodel.config.documents import dotted, walk
from perfmodel.config.fields import leaves
from perfmodel.config.kinds import KINDS
from perfmodel.config.library import Library
from perfmodel.config.template import start, template


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_names_every_field_with_its_meaning(kind: str):
    text = template(kind)
    for leaf in leaves(KINDS[kind]):
        assert f"{leaf.path[-1]} = " in text
        assert leaf.meaning.split()[0] in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_leaves_exactly_the_required_fields_to_fill_in(
    folder: Path, faults_of: Callable, kind: str
):
    path = start(kind, "fresh", folder, None, [])
    empty = {dotted(place) for place, _ in walk(tomllib.loads(path.read_text("utf-8")))}
    messages = faults_of(Library([folder]).load, kind, "fresh")
    said = {message.split(" = ")[0].split(": ")[1] for message in messages if " = " in message}
    assert said == empty
    assert all("is empty" in message or "bf16" in message for message in messages)


SWITCHES = (
    *("fused_attention", "native_attention", "cuda_graphs", "merged_copies"),
    *("fresh_gradient", "resident_weights", "eager_copies"),
    *("expert_outputs", "recompute_latent", "narrow_activation_inputs"),
)
"""Fields of a stack that are true or false."""


def test_a_template_that_is_filled_in_is_right(folder: Path):
    path = start("stacks", "fresh", folder, None, [])
    filled = {"name": "x", "framework": "x"}
    text = path.read_text("utf-8")
    for leaf in leaves(KINDS["stacks"]):
        key = leaf.path[-1]
        value = {"s": '"1 us"', "B": '"1 GB"'}.get(leaf.unit or "", "1")
        value = f'"{filled[key]}"' if key in filled else value
        value = "true" if key in SWITCHES else value
        value = '["ring"]' if key == "algorithms" else value
        value = '"unlimited"' if key == "domain_exit" else value
        text = text.replace(f'\n{key} = ""', f"\n{key} = {value}")
    path.write_text(text, "utf-8")
    assert Library([folder]).load("stacks", "fresh").bucket == 1e9


@pytest.mark.parametrize("kind", KINDS)
def test_a_variant_is_its_parent_until_it_is_changed(folder: Path, kind: str):
    library = Library([folder])
    parent = library.names(kind)[0]
    path = start(kind, "variant", folder, parent, [folder])
    assert library.load(kind, "variant") == library.load(kind, parent)
    assert len(path.read_text("utf-8").splitlines()) > 8


def test_a_line_of_a_variant_takes_effect_without_its_mark(folder: Path):
    path = start("chips", "variant", folder, "small", [folder])
    text = path.read_text("utf-8")
    assert '# memory.bandwidth = "3 TB/s"' in text
    path.write_text(text.replace('# memory.bandwidth = "3', 'memory.bandwidth = "8'), "utf-8")
    assert Library([folder]).load("chips", "variant").memory.bandwidth == 8e12


def test_a_file_that_exists_is_never_overwritten(folder: Path, faults_of: Callable):
    before = (folder / "chips" / "small.toml").read_bytes()
    assert faults_of(start, "chips", "small", folder, None, []) == [
        "chips/small.toml: is there already"
    ]
    assert (folder / "chips" / "small.toml").read_bytes() == before


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "x" * 200])
def test_a_new_file_cannot_leave_its_folder(folder: Path, faults_of: Callable, name: str):
    assert "not a name" in faults_of(start, "chips", name, folder, None, [])[0]


def test_nothing_is_made_for_a_kind_or_a_parent_that_is_not_there(
    tmp_path: Path, folder: Path, faults_of: Callable
):
    into = tmp_path / "new"
    assert "no such kind" in faults_of(start, "planes", "x", into, None, [])[0]
    assert "no chip has that name" in faults_of(start, "chips", "x", into, "none", [folder])[0]
    assert not into.exists()

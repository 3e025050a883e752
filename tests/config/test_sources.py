"""Comments as sources: found on the line of their value, inherited with it, missed when missing."""

from collections.abc import Callable

import pytest

from perfmodel.config.library import Library
from perfmodel.config.sources import Source, sources, unsourced


def test_the_comment_on_its_line_is_the_source_of_a_value(small: Library):
    found = sources(small.document("chips", "small"))
    assert found["memory.capacity"] == Source('"80 GB"', "data sheet", "chips/small.toml", 14)
    assert found["power.idle"].comment == "measured"
    assert found["name"].comment == ""


def test_a_guess_is_marked(small: Library):
    found = sources(small.document("chips", "small"))
    assert found["memory.bandwidth"].is_estimate
    assert not found["memory.capacity"].is_estimate


def test_a_comment_cannot_turn_the_terminal_around(small: Library, write: Callable):
    write("chips/a", 'extends = "small"\ndevices = 2  # data \u202e sheet\n')
    assert sources(small.document("chips", "a"))["devices"].comment == "data \\u202e sheet"


def test_values_inside_arrays_have_sources(small: Library):
    found = sources(small.document("fabrics", "small-fabric"))
    assert found["level.1.latency"] == Source('"8 us"', "measured", "fabrics/small-fabric.toml", 20)


def test_every_value_of_a_config_has_an_entry_in_its_order(small: Library):
    from perfmodel.config.documents import dotted, walk

    document = small.document("fabrics", "small-fabric")
    assert list(sources(document)) == [dotted(path) for path, _ in walk(document.merged())]


def test_an_inherited_value_keeps_its_source(small: Library, write: Callable):
    write("chips/a", 'extends = "small"\n[memory]\nbandwidth = "8 TB/s"  # press release\n')
    found = sources(small.document("chips", "a"))
    assert found["memory.bandwidth"].comment == "press release"
    assert found["memory.bandwidth"].file == "chips/a.toml"
    assert found["memory.capacity"].file == "chips/small.toml"
    assert "extends" not in found


def test_an_array_of_the_parent_that_is_replaced_leaves_no_source(small: Library, write: Callable):
    level = (
        'name = "one"\nchips = "unlimited"\noversubscription = 1.0  # ours\nlatency = "1 us"  # x'
    )
    write("fabrics/a", f'extends = "small-fabric"\n[[level]]\n{level}\nload_balancing = "spray"\n')
    found = sources(small.document("fabrics", "a"))
    assert not [field for field in found if field.startswith("level.1")]
    assert found["level.0.oversubscription"].comment == "ours"


def test_inline_tables_and_dotted_keys_are_read(small: Library, write: Callable):
    write(
        "chips/a",
        'extends = "small"\nmemory.capacity = "1 GB"  # dotted\npower = {tdp = "1 kW"}  # inline\n',
    )
    found = sources(small.document("chips", "a"))
    assert found["memory.capacity"].comment == "dotted"
    assert found["power.tdp"].text == '"1 kW"'
    assert found["power.tdp"].comment == "inline"


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("devices = 2", ["chips/a.toml:2: devices = 2: has no source"]),
        ("devices = 2  #", ["chips/a.toml:2: devices = 2: has no source"]),
        ("devices = 2  # data sheet", []),
        ('memory.capacity = "1 GB"', ['chips/a.toml:2: memory.capacity = "1 GB": has no source']),
        ('status = "announced"', []),
        ('vendor = "3 GB"', []),
    ],
)
def test_a_number_without_a_source_is_missed(
    small: Library, write: Callable, line: str, wanted: list[str]
):
    write("chips/a", f'extends = "small"\n{line}\n')
    found = [str(fault) for fault in unsourced(small.document("chips", "a"))]
    assert [message.partition(";")[0] for message in found] == wanted


def test_a_word_in_place_of_a_number_needs_no_source(small: Library):
    assert not unsourced(small.document("sites", "small-site"))

"""JSON Schemas of what verbs print, against what they print."""

import json
from typing import Any

import pytest

from perfmodel import cli
from perfmodel.commands.outputs import OUTPUTS, STABLE, schema_of

PRINTS = {
    "configs list": ["configs", "list", "chips"],
    "configs show": ["configs", "show", "chips/h100"],
    "configs check": ["configs", "check"],
    "devices": ["devices"],
    "network": [
        *("network", "ndr-rail-3tier", "--collective", "send"),
        *("--ranks", "8", "--size", "1MB"),
    ],
    "network flows": ["network", "ndr-rail-3tier", "--hosts", "512"],
}


@pytest.mark.parametrize("verb", OUTPUTS)
def test_every_schema_is_json_with_required_keys(verb: str):
    schema = json.loads(json.dumps(schema_of(verb, None)))
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(schema["required"]) <= set(schema["properties"])


@pytest.mark.parametrize("verb", PRINTS)
def test_what_a_verb_prints_has_the_keys_of_its_schema(
    capsys: pytest.CaptureFixture[str], verb: str
):
    assert cli.run([*PRINTS[verb], "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    schema = schema_of(*verb.split()) if verb == "network flows" else schema_of(verb, None)
    assert set(answer) == set(schema["properties"])
    for key, value in answer.items():
        assert fits(value, schema["properties"][key])


def test_a_row_of_an_estimate_keeps_the_keys_that_others_rely_on():
    schema = schema_of("estimate", None)
    assert set(STABLE) <= set(schema["required"])
    assert schema["properties"]["site_power_w"]["x-unit"] == "W"
    assert schema["properties"]["feasible"]["type"] == "boolean"
    assert {"time_split_s", "memory_split_bytes", "power_split_w", "wall_s"} <= set(
        schema["required"]
    )


def fits(value: Any, schema: dict[str, Any]) -> bool:
    kinds: dict[str, Any] = {"string": str, "integer": int, "array": list, "object": dict}
    kinds |= {"number": (int, float), "boolean": bool}
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    return any(isinstance(value, kinds.get(name, type(None))) for name in names)

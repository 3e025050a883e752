"""JSON Schema for editors: quantities as texts, and a branch for files that extend another."""

import json

import pytest

from perfmodel.config.json_schema import config_schema
from perfmodel.config.kinds import KINDS
from perfmodel.config.units import quantity


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_json_and_closed(kind: str):
    schema = json.loads(json.dumps(config_schema(kind)))
    for branch in (schema["then"], schema["else"]):
        assert branch["additionalProperties"] is False
        assert set(KINDS[kind].model_fields) <= set(branch["properties"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_leads_somewhere(kind: str):
    schema = config_schema(kind)
    for reference in references(schema):
        target = schema
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target["type"] == "object"


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_file_that_extends_another_may_leave_fields_out(kind: str):
    schema = config_schema(kind)
    assert schema["if"] == {"required": ["extends"]}
    assert "name" in schema["else"]["required"]
    assert "extends" not in schema["else"]["properties"]
    part = json.dumps({"then": schema["then"], "defs": schema["$defs"]["part"]})
    assert '"required": [' not in part


def test_a_quantity_is_a_text_with_an_example_that_is_right():
    memory = config_schema("chips")["$defs"]["whole"]["Memory"]["properties"]["bandwidth"]
    assert (memory["type"], memory["x-unit"]) == ("string", "B/s")
    assert quantity(memory["examples"][0], memory["x-unit"]) > 0.0
    assert memory["description"].startswith("Peak bandwidth")


def test_a_name_of_another_config_says_its_kind():
    assert config_schema("nodes")["else"]["properties"]["chip"]["x-config"] == "chips"


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [one for item in value.values() for one in references(item)]
    return [one for item in value for one in references(item)] if isinstance(value, list) else []

"""JSON Schema of config files, for editors that check and complete TOML."""

from typing import Any

from perfmodel.config.kinds import KINDS

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def config_schema(kind: str) -> dict[str, Any]:
    """Describe the files of a kind.

    A file that extends another may leave anything out, so there are two branches.

    Parameters
    ----------
    kind
        Such as ``chips``.

    Returns
    -------
    dict[str, Any]
        JSON Schema; quantities are texts that carry their SI unit as ``x-unit``.
    """
    whole = KINDS[kind].model_json_schema(ref_template="#/$defs/whole/{model}")
    part = _without_required(KINDS[kind].model_json_schema(ref_template="#/$defs/part/{model}"))
    part["properties"]["extends"] = {
        "type": "string",
        "description": f"Name of another of the {kind} that this one is laid over.",
    }
    definitions = {"whole": whole.pop("$defs", {}), "part": part.pop("$defs", {})}
    return {
        "$schema": DRAFT,
        "title": whole["title"],
        "description": whole["description"],
        "type": "object",
        "if": {"required": ["extends"]},
        "then": part,
        "else": whole,
        "$defs": definitions,
    }


def _without_required(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if not _is_required(key, value)}
        return {key: _without_required(value) for key, value in kept.items()}
    return [_without_required(item) for item in schema] if isinstance(schema, list) else schema


def _is_required(key: str, value: Any) -> bool:
    """A list under this key names fields; a table under it would be a field of that name."""
    return key == "required" and isinstance(value, list)

"""`perfmodel schema`: the JSON Schema of what a verb prints, and of config files."""

import sys


def schema(subject: str, kind: str | None = None) -> None:
    """Print the JSON Schema of a verb's JSON output, or of the config files of a kind.

    Parameters
    ----------
    subject
        A verb such as compare, devices or "configs show"; or the word config.
    kind
        With config: a kind such as chips. With configs: list, show or check.
    """
    from perfmodel.commands.outputs import schema_of
    from perfmodel.results.canonical import json_text

    sys.stdout.write(json_text(schema_of(subject, kind)) + "\n")

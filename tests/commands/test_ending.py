"""How verbs that write a folder end."""

import json
from pathlib import Path

import pytest

from perfmodel.commands.ending import Told, tell

TOLD = Told({"mfu": 0.4, "files": ["a", "b"], "wall_s": 1.25}, [{"mfu": 0.4}, {"mfu": 0.5}], ["x"])


@pytest.mark.parametrize(
    ("form", "text"),
    [("csv", "mfu\n0.4\n0.5\n"), ("table", "x\n\nTables and figures: out/ (2 files, 1.2 s)\n")],
)
def test_people_get_the_folder_and_programs_the_rows(
    form: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(form, TOLD, Path("out")) == 0
    assert capsys.readouterr().out == text


def test_json_is_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell("json", TOLD, Path("out")) == 0
    assert json.loads(capsys.readouterr().out) == TOLD.document

"""The verb `calibrate`, with a fit of two parameters: table, JSON, and what is written."""

import json
from pathlib import Path

import numpy as np
import pytest

from perfmodel import cli
from perfmodel.commands.calibrate import calibrate
from perfmodel.commands.outputs import schema_of
from perfmodel.config.library import Library
from perfmodel.studies import calibrate as study
from perfmodel.studies.calibrate import Calibrated, Calibration
from perfmodel.studies.edits import Edit
from perfmodel.studies.fitting import Data, Parameter, fit

PARAMETERS = (
    Parameter("toy.latency", 2e-6, 0.5, 1e-7, 1e-4, unit="s"),
    Parameter("toy.efficiency", 0.9, 0.05, 0.1, 1.0),
    Parameter("toy.offset", 0.0, 1.0, -9.0, 9.0, "linear"),
)


def residual(values, measured):
    return values[0] * 1e6 - measured


@pytest.fixture(autouse=True)
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that holds what is fitted; the table of fits holds one."""
    path = tmp_path / "small.toml"
    path.write_text('latency = "2 us"  # estimate: a guess\n', "utf-8")

    def run(library: Library) -> Calibrated:
        measured = np.array([3.0, 3.1, 2.9, 3.0])
        found = fit(
            PARAMETERS, Data(residual, (measured,), ["toy rows"] * 4, np.full(4, 0.1), np.ones(4))
        )
        text = f'"{found.values["toy.latency"] * 1e6:.3g} us"'
        return Calibrated(found, [Edit(path, ("latency",), text, "fitted to 4 rows")], ("Noted.",))

    for name in list(study.FITS):
        monkeypatch.delitem(study.FITS, name)
    monkeypatch.setitem(study.FITS, "toy", Calibration("Toy fit", run))
    return path


def test_the_table_says_value_error_prior_and_what_identified_it(
    config: Path, capsys: pytest.CaptureFixture[str]
):
    before = config.read_bytes()
    assert calibrate() == 0
    out = capsys.readouterr().out
    latency = next(line for line in out.splitlines() if line.startswith("toy.latency"))
    assert "3.00 µs" in latency
    assert "2.00 µs +- 50%" in latency
    assert "toy rows 100%" in latency
    assert out.count("not identified") == 2
    assert "3 parameters, 4 rows" in out
    assert "Noted." in out
    assert "--write puts 1 values" in out
    assert config.read_bytes() == before


def test_values_are_written_only_when_asked(config: Path, capsys: pytest.CaptureFixture[str]):
    assert calibrate(write=True) == 0
    assert config.read_text("utf-8") == 'latency = "3 us"  # fitted to 4 rows\n'
    assert str(config) in capsys.readouterr().out.replace("\n", "")


def test_a_search_without_a_minimum_ends_with_one_and_writes_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    right = study.FITS["toy"].run

    def run(library: Library) -> Calibrated:
        result = right(library)
        return result._replace(fit=result.fit._replace(converged=False))

    monkeypatch.setitem(study.FITS, "toy", Calibration("Toy fit", run))
    assert calibrate(write=True) == 1
    out, err = capsys.readouterr()
    assert "nothing is written" in err
    assert "did not end at a minimum" in out
    assert "a guess" in config.read_text("utf-8")


def test_the_json_has_the_keys_of_its_schema(capsys: pytest.CaptureFixture[str]):
    assert calibrate(format="json") == 0
    found = json.loads(capsys.readouterr().out)
    schema = schema_of("calibrate", None)
    assert set(found) == set(schema["properties"])
    one = schema["properties"]["fits"]["additionalProperties"]
    assert set(found["fits"]["toy"]) == set(one["properties"])
    parameter = found["fits"]["toy"]["parameters"][0]
    assert set(parameter) == set(one["properties"]["parameters"]["items"]["properties"])
    assert parameter["value"] == pytest.approx(3e-6, rel=0.01)
    assert sum(parameter["information"].values()) == pytest.approx(1.0)


def test_the_help_reads_the_documentation_without_importing_the_verb():
    said = cli.documentation("perfmodel.commands.calibrate:calibrate")
    assert said.startswith("Fit parameters to published measurements")

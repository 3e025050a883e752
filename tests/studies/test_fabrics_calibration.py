"""Fit of links, protocols and launches to measured all-reduces."""

import re
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.config.measured_systems import read_systems
from perfmodel.engine.run import compiled
from perfmodel.lowering.measured_collective import measured
from perfmodel.studies import fabrics_calibration
from perfmodel.studies.calibrate import Calibrated
from perfmodel.studies.edits import Edit, apply
from perfmodel.studies.fabric_knobs import PLACES, PRIORS, Knobs, held, turn
from perfmodel.studies.fabrics_calibration import FITTED, FOLLOWERS, fit_fabrics, fitted_rows

pytestmark = pytest.mark.slow

SHIPPED = Library()


@pytest.fixture(scope="module")
def fitted() -> Calibrated:
    return fit_fabrics(SHIPPED)


def test_the_search_ends_at_a_minimum_with_few_parameters(fitted):
    assert fitted.fit.converged
    assert fitted.fit.rows == 236
    assert len(fitted.fit.estimates) <= fitted.fit.rows / 5
    assert fitted.fit.cost_after < 0.25 * fitted.fit.cost_before


def test_links_never_pass_their_line_rate(fitted):
    shares = [name for name in fitted.fit.values if "fraction" in name or "efficiency" in name]
    assert len(shares) >= 10
    assert all(0.0 < fitted.fit.values[name] <= 1.0 for name in shares)


def test_fitted_values_lie_off_their_bounds_but_for_the_cards_of_marenostrum(fitted):
    at_bound = [one.parameter.name for one in fitted.fit.estimates if one.bound]
    assert at_bound == ["ndr200-fat-tree-mn5.link_fraction"]


def test_every_parameter_that_the_rows_say_something_of_has_an_error(fitted):
    for one in fitted.fit.estimates:
        if not one.bound:
            assert 0.0 < one.standard_error < one.value, one.parameter.name


def values(edits: list[Edit]) -> Iterator[tuple[Edit, Any, str]]:
    for edit in edits:
        table = SHIPPED.document(edit.path.parent.name, edit.path.stem).own
        for part in edit.field:
            table = table[part]
        yield edit, table, edit.text.strip().strip('"')


def test_the_library_holds_the_fitted_values(fitted):
    configs = [edit for edit in fitted.edits if edit.path.name != "systems.toml"]
    assert len(configs) > 50
    for edit, found, wanted in values(configs):
        number = float(re.match(r"[0-9.]+", str(found))[0])
        assert number == pytest.approx(float(wanted.split()[0]), rel=0.02), edit


def test_the_systems_hold_the_fitted_launches(fitted):
    launches = {name: value for name, value in fitted.fit.values.items() if "launch" in name}
    systems = {one.row.system: one.system for one in fitted_rows(SHIPPED)}
    assert len(launches) == 9
    for name, value in launches.items():
        system = name.removesuffix(".launch")
        assert systems[system].launch == pytest.approx(value, rel=0.02)


def test_the_fit_does_not_start_from_what_it_found_before(fitted):
    priors = {one.parameter.name: one.parameter.prior for one in fitted.fit.estimates}
    assert priors["h100.scaleup.latency"] == PRIORS["latency"].value
    assert priors["ndr200-fat-tree-mn5.bulk_latency"] == PRIORS["outer_bulk"].value


def test_sources_say_how_many_rows_of_which_systems(fitted):
    sources = {(edit.path.stem, edit.field[-1]): edit.source for edit in fitted.edits}
    assert "54 all-reduces of mare_nostrum" in sources["ndr200-fat-tree-mn5", "spread"]
    assert sources["xdr-fat-tree", "bulk_latency"].startswith("estimate: as ndr200-fat-tree-mn5")
    assert "at its upper bound" in sources["ndr200-fat-tree-mn5", "link_fraction"]


def test_what_is_written_is_a_library_that_holds_the_values(fitted, tmp_path):
    for folder in ("chips", "fabrics", "stacks", "validation"):
        (tmp_path / folder).mkdir()
    for path in {edit.path for edit in fitted.edits}:
        text = re.sub(r"(?m)^(launch|latency) = .*$", r'\1 = "999 us"', path.read_text())
        (tmp_path / path.parent.name / path.name).write_text(text)
    copies = [
        edit._replace(path=tmp_path / edit.path.parent.name / edit.path.name)
        for edit in fitted.edits
    ]
    changed = apply(copies)
    assert {path.name for path in changed} >= {"systems.toml", "h100.toml", "efa.toml"}
    library = Library([tmp_path])
    level = library.load("fabrics", "efa").level
    assert level[0].latency == pytest.approx(fitted.fit.values["efa.level.0.latency"], rel=0.01)
    assert level[1].latency - level[0].latency == pytest.approx(4e-6, rel=0.05)
    launch = next(one for one in read_systems(library) if one.system == "AWS p5").launch
    assert launch == pytest.approx(fitted.fit.values["AWS p5.launch"], rel=0.01)


def test_fitted_and_following_configs_state_the_fields_themselves():
    for kind, owners in FITTED.items():
        for owner, knobs in owners.items():
            for knob in knobs:
                document = SHIPPED.document(kind, owner)
                assert fabrics_calibration._states(document.own, PLACES[knob].field), owner
    names = {name for followers in FOLLOWERS.values() for name in followers}
    assert names <= {*SHIPPED.names("fabrics"), *SHIPPED.names("stacks")}


@pytest.mark.parametrize("system", ["AWS p5", "mare_nostrum", "CSCS Alps", "8x A100 node"])
def test_turning_a_knob_is_lowering_a_changed_config(system):
    one = next(one for one in fitted_rows(SHIPPED) if one.row.system == system)
    have = held(one)
    want = have._replace(
        scaleup=0.5, latency=3e-6, bulk=5e-6, short=0.3, outer_bulk=7e-6, outer_short=0.2
    )
    want = want._replace(
        link=0.6, outer_latency=have.outer_latency + 1e-6, spread=0.2, tree=0.7, launch=2e-6
    )
    fabric = one.platform.machine.fabric
    overrides = (
        *("chip.efficiency.scaleup=0.5", "chip.scaleup.latency=3 us"),
        *("chip.scaleup.bulk_latency=5 us", "chip.scaleup.short_fraction=0.3"),
        *("fabric.bulk_latency=7 us", "fabric.short_fraction=0.2", "fabric.link_fraction=0.6"),
        *(f"fabric.level.{n}.latency={level.latency * 1e6 + 1:.6g} us"
          for n, level in enumerate(fabric.level)),
        *("fabric.spread=0.2", "stack.collectives.tree_share=0.7"),
    )  # fmt: skip
    changed = one.system.model_copy(update={"overrides": overrides, "launch": 2e-6})
    lowered = measured(one.row, [changed], SHIPPED)
    turned = turn(one.call, Knobs(*map(float, have)), Knobs(*map(float, want)))
    for found, wanted in zip(jax.tree.leaves(turned), jax.tree.leaves(lowered.call), strict=True):
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-5, atol=1e-12)


def test_invented_measurements_give_their_values_back(monkeypatch):
    rows = [one for one in fitted_rows(SHIPPED) if one.row.system == "mare_nostrum"]
    targets, index = fabrics_calibration._targets(rows, SHIPPED)
    known = fabrics_calibration._known(rows, index)
    knobs = [target.knob for target in targets]
    true = np.array([PRIORS[knob].value for knob in knobs])
    moved = {"outer_latency": 1.5, "outer_bulk": 0.7, "outer_short": 0.6, "spread": 1.3}
    true *= np.array([moved.get(knob, 1.0) for knob in knobs])
    predicted = np.exp(np.asarray(compiled(fabrics_calibration.residuals)(
        true, known._replace(measured=np.ones(len(rows)))
    )))  # fmt: skip
    original = fabrics_calibration._known
    monkeypatch.setattr(fabrics_calibration, "NOISE", 0.005)
    monkeypatch.setattr(fabrics_calibration, "fitted_rows", lambda library: rows)
    monkeypatch.setattr(
        fabrics_calibration,
        "_known",
        lambda rows, index: original(rows, index)._replace(measured=predicted),
    )
    found = {
        one.parameter.name.partition(".")[2]: one.value
        for one in fit_fabrics(SHIPPED).fit.estimates
    }
    for knob, factor in moved.items():
        name = ".".join(map(str, PLACES[knob].field))
        assert found[name] == pytest.approx(PRIORS[knob].value * factor, rel=0.05), knob

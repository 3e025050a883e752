"""Fits of the library's parameters to published measurements, and what each is told as."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from perfmodel.config.library import Library
from perfmodel.config.measurements import shipped_measurements
from perfmodel.studies.edits import Edit
from perfmodel.studies.fitting import Estimate, Fit
from perfmodel.studies.identification import PRIOR


class Calibrated(NamedTuple):
    """What came of one calibration."""

    fit: Fit
    """Values, errors, and what identified them."""
    edits: Sequence[Edit]
    """How the library would have to change to hold the values."""
    notes: Sequence[str] = ()
    """What a reader has to know, such as the errors on rows that were left out."""


class Calibration(NamedTuple):
    """Parameters that can be fitted with one option of `perfmodel calibrate`."""

    title: str
    """Stands above its table."""
    run: Callable[[Library], Calibrated]
    """Fits with the priors and measurements that a library holds."""


def _power(library: Library) -> Calibrated:
    from perfmodel.studies.calibrate_power import fit_energies  # it takes this file's types

    return fit_energies(library)


def _hosts(library: Library) -> Calibrated:
    from perfmodel.studies.calibrate_hosts import fit_hosts  # it takes this file's types

    return fit_hosts(library)


def _fabrics(library: Library) -> Calibrated:
    from perfmodel.studies.fabrics_calibration import fit_fabrics  # it takes this file's types

    return fit_fabrics(library)


def _runs(library: Library) -> Calibrated:
    from perfmodel.studies.runs_calibration import fit_runs  # it takes this file's types
    from perfmodel.studies.validate import RUN_FILES

    return fit_runs(library, [shipped_measurements(file) for file in RUN_FILES])


FITS: dict[str, Calibration] = {
    "power": Calibration(
        "Energies by chip generation, from Linpack systems and metered training", _power
    ),
    "hosts": Calibration("Nodes of message-passing libraries, from collectives", _hosts),
    "fabrics": Calibration("Links, protocols and launches, from all-reduces", _fabrics),
    "runs": Calibration("Chips and stacks, from published training runs", _runs),
}
"""Name of an option of `perfmodel calibrate` to its fit."""


def calibrate(asked: Mapping[str, bool], library: Library) -> dict[str, Calibrated]:
    """Run some fits.

    Parameters
    ----------
    asked
        Fit to whether it was asked for; all of them where none was.
    library
        Configs with the priors.

    Returns
    -------
    dict[str, Calibrated]
        Results by name.
    """
    chosen = [name for name in FITS if asked.get(name)] or list(FITS)
    return {name: FITS[name].run(library) for name in chosen}


def told(name: str, result: Calibrated) -> dict[str, Any]:
    """One fit as the answer has it.

    Parameters
    ----------
    name
        Name of the fit.
    result
        What came of it.

    Returns
    -------
    dict[str, Any]
        JSON values, parameters in SI.
    """
    fit = result.fit
    return {
        "title": FITS[name].title,
        "rows": fit.rows,
        "cost_before": fit.cost_before,
        "cost_after": fit.cost_after,
        "noise_ratio": fit.noise_ratio,
        "converged": fit.converged,
        "parameters": [_parameter(estimate) for estimate in fit.estimates],
        "notes": list(result.notes),
    }


def _parameter(estimate: Estimate) -> dict[str, Any]:
    prior = estimate.parameter
    return {
        "name": prior.name,
        "unit": prior.unit,
        "value": estimate.value,
        "standard_error": estimate.standard_error,
        "prior": prior.prior,
        "prior_spread": prior.spread,
        "scale": prior.scale,
        "low": prior.low,
        "high": prior.high,
        "bound": estimate.bound,
        "identified": estimate.identified,
        "gain": estimate.gain,
        "information": dict(estimate.information),
        "identified_by": _identified_by(estimate),
    }


def _identified_by(estimate: Estimate) -> str:
    """In words: the bound, that nothing did, or the data that did, the largest share first."""
    if estimate.bound:
        return f"at its {'lower' if estimate.bound == 'low' else 'upper'} bound"
    if not estimate.identified:
        return "not identified"
    shares = {name: share for name, share in estimate.information.items() if name != PRIOR}
    total = sum(shares.values())
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share / total:.0%}" for name, share in ordered if share > total / 20)

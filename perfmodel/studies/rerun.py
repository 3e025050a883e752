"""A stored sweep computed again: whether the numbers are the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from perfmodel.config.axes import Sampling
from perfmodel.config.faults import Fault, Faults, short_path
from perfmodel.results.provenance import installed_versions
from perfmodel.results.run_folder import MANIFEST, RunFolder
from perfmodel.studies.sweep import chunk_bytes, code_hash, planned
from perfmodel.studies.sweep_plan import SweepQuestion


class Rerun(NamedTuple):
    """What came of computing a run again."""

    files: int
    """Files that were computed again."""
    equal: int
    """Of them, those with the same values."""
    differences: dict[str, float]
    """Largest relative difference by column, where there is any; infinite for other texts."""
    changed: dict[str, tuple[str, str]]
    """Program and versions that are not those of the run."""


def stored_question(path: Path) -> tuple[SweepQuestion, dict[str, Any]]:
    """The question of a run, from its manifest.

    Parameters
    ----------
    path
        Folder of the run.

    Returns
    -------
    tuple[SweepQuestion, dict]
        The question and the manifest.

    Raises
    ------
    Faults
        It is not the folder of a sweep.
    """
    try:
        told = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        asked = dict(told["asked"])
        asked["sampling"] = Sampling(**asked["sampling"])
        asked |= {name: tuple(asked[name]) for name in ("texts", "where")}
        asked["folders"] = tuple(Path(one) for one in asked["folders"])
        return SweepQuestion(**asked), told
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not the manifest of a sweep"
        expected = "the folder of a run, as `perfmodel sweep --out` makes it"
        file = short_path(path / MANIFEST)
        raise Faults([Fault(file=file, problem=str(reason).lower(), expected=expected)]) from error


def rerun(path: Path, most: int, done: Callable[[int], None]) -> Rerun:
    """Computes files of a run again.

    Parameters
    ----------
    path
        Its folder.
    most
        Files, spread over the run; 0 takes all.
    done
        Told after each file.

    Returns
    -------
    Rerun
        What differs.
    """
    question, told = stored_question(path)
    if planned(question).chunk != told["chunk"]:
        question = question._replace(chunk=told["chunk"])
    folder = RunFolder(path, told["chunks"])
    there = folder.done()
    picks = np.unique(np.linspace(0, len(there) - 1, most or len(there)).astype(int))
    chosen = [there[int(pick)] for pick in picks] if there else []
    equal = 0
    differences: dict[str, float] = {}
    for number in chosen:
        before, now = folder.file(number).read_bytes(), chunk_bytes(question, number)
        found = {} if before == now else _differences(before, now)
        equal += not found
        for key, value in found.items():
            differences[key] = max(value, differences.get(key, 0.0))
        done(1)
    versions = {**told["versions"], "code": told["code"], "device": told["device"]}
    return Rerun(len(chosen), equal, differences, _changed(versions))


def _changed(before: dict[str, str]) -> dict[str, tuple[str, str]]:
    import jax

    now = {**installed_versions(), "code": code_hash(), "device": jax.devices()[0].device_kind}
    return {
        name: (before.get(name, ""), value)
        for name, value in now.items()
        if before.get(name) != value
    }


def _differences(before: bytes, now: bytes) -> dict[str, float]:
    """Largest relative difference of each column that is not the same."""
    old, new = (pq.ParquetFile(pa.BufferReader(content)).read() for content in (before, now))
    found = {}
    for key in [
        *old.column_names,
        *(one for one in new.column_names if one not in old.schema.names),
    ]:
        if key not in old.schema.names or key not in new.schema.names:
            found[key] = float("inf")
            continue
        value = _difference(old[key].to_numpy(), new[key].to_numpy())
        if value:
            found[key] = value
    return found


def _difference(old: np.ndarray, new: np.ndarray) -> float:
    if old.dtype.kind not in "iufb" or new.dtype.kind not in "iufb" or len(old) != len(new):
        return 0.0 if np.array_equal(old, new) else float("inf")
    one, other = old.astype(float), new.astype(float)
    if (np.isnan(one) != np.isnan(other)).any():
        return float("inf")
    scale = np.maximum(np.abs(one), np.abs(other))
    gaps = np.abs(one - other) / np.where(scale > 0.0, scale, 1.0)
    return float(np.nanmax(gaps, initial=0.0))

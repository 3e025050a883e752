"""Predicts published training runs: all rows of a file through few compiled programs."""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.config.faults import Fault, attempt, refuse
from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows
from perfmodel.config.schema.run import RunRow
from perfmodel.engine.run import compiled_once
from perfmodel.lowering.published_run import (
    Configs,
    Lowered,
    Run,
    Table,
    Unmodelled,
    configs,
    lower_runs,
    reader,
    tabulate,
)
from perfmodel.studies.frozen_weights import frozen_step_time
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.step import StepMetrics, training_step
from perfmodel_kernels.step_parts import StepParams

CHUNK = 256
"""Rows of one call; shorter files repeat their last row, so that one program serves all."""


class Source(NamedTuple):
    """One row of a file."""

    family: str
    """Name of the file without its ending."""
    run: Run | Unmodelled
    """What it is read as."""


def read_runs(files: Sequence[Path], library: Library) -> list[Source]:
    """Read files of published runs; the faults of all are said together.

    Parameters
    ----------
    files
        CSV files, each a family.
    library
        Configs whose names the rows use.

    Returns
    -------
    list[Source]
        Rows, file by file.

    Raises
    ------
    Faults
        All that is wrong with any of them.
    """
    found: list[Fault] = []
    tables = [(path.stem, attempt(found, read_rows, path, RunRow) or []) for path in files]
    refuse(found)
    known = reader(library)
    return [Source(family, known.read(row)) for family, rows in tables for row in rows]


class LoweredRows(NamedTuple):
    """Rows that can be predicted, as a calibration takes them; one entry per row."""

    runs: Sequence[Run]
    """What stands for each by name, chip, stack and network among it."""
    families: Sequence[str]
    """File of each."""
    table: Table
    """What chips and stacks are filled into."""
    params: StepParams
    """Machine, model and software, arrays."""
    layouts: Layout
    """Layouts, arrays."""
    measured: np.ndarray
    """Time of a step, not a number where none was printed. [s]"""
    weights: np.ndarray
    """Weight of each row: rows of a file share one, those of composed values count less."""

    def with_configs(self, known: Configs) -> "LoweredRows":
        """The same rows with other chips or stacks; nothing is read again.

        Parameters
        ----------
        known
            From :func:`perfmodel.lowering.published_run.configs`.

        Returns
        -------
        LoweredRows
            Numbers of each combination of machine and software once, then taken by row.
        """
        return self._replace(params=self.table.params(known))


COMPOSED: dict[str, float] = {"vtrain_single": 200.0}
"""Rows that a file is worth where its values are affine in layers and micro-batches to 6e-6."""


def lowered_rows(files: Sequence[Path], library: Library) -> LoweredRows:
    """Rows with a measured step that may be judged, as arrays; runs with frozen weights are not
    among them.

    Parameters
    ----------
    files
        CSV files.
    library
        Configs.

    Returns
    -------
    LoweredRows
        Rows, arrays, measurements, weights.
    """
    sources = [one for one in read_runs(files, library) if _may_be_fitted(one.run)]
    runs = [one.run for one in sources if isinstance(one.run, Run)]
    families = [one.family for one in sources if isinstance(one.run, Run)]
    table = tabulate(runs)
    return LoweredRows(
        runs=runs,
        families=families,
        table=table,
        params=table.params(configs(library)),
        layouts=table.layouts,
        measured=np.array([run.row.step_s or np.nan for run in runs]),
        weights=_weights(families),
    )


def is_judged(run: Run | Unmodelled) -> bool:
    """Whether the error of a row counts: stated in full, measured, not found wrong."""
    row = run.row
    return row.use == "validate" and run.audit != "set apart" and bool(row.step_s)


def _may_be_fitted(run: Run | Unmodelled) -> bool:
    return is_judged(run) and run.row.workload_kind != "lora"


def _weights(families: Sequence[str]) -> np.ndarray:
    """1 for a row of an ordinary file; less where a file is worth fewer rows than it has."""
    sizes = {family: families.count(family) for family in set(families)}
    worth = {family: COMPOSED.get(family, size) / size for family, size in sizes.items()}
    return np.array([min(1.0, worth[family]) for family in families])


@cache
def _program() -> Any:
    """The step over rows; compiled once for all files."""
    each: Any = jax.vmap(training_step)
    return compiled_once(each)


def metrics_of(params: StepParams, layouts: Layout) -> StepMetrics:
    """Evaluate rows.

    Parameters
    ----------
    params, layouts
        One entry per row.

    Returns
    -------
    StepMetrics
        The same, on the host.
    """
    parts = [_program()(*chunk) for chunk, _ in _chunks((params, layouts))]
    total = len(np.asarray(layouts.tp))
    return jax.tree.map(lambda *many: np.concatenate(many)[:total], *parts)


class Sensitivity(NamedTuple):
    """Step times and how they depend on every number of the step."""

    log_time: np.ndarray
    """Natural logarithm of the step time in seconds."""
    gradient: StepParams
    """Derivative of it with respect to each number, an entry per row."""


@cache
def _gradient_program() -> Any:
    def log_time(params: StepParams, layout: Layout) -> Any:
        return jnp.log(training_step(params, layout).step_time)

    each: Any = jax.vmap(jax.value_and_grad(log_time))
    return compiled_once(each)


def sensitivities(params: StepParams, layouts: Layout) -> Sensitivity:
    """Gradients of the logarithm of the step time, row by row.

    The number of a chip or a stack in a config reaches a row through a few leaves of its
    parameters; the chain rule over those is left to the caller.

    Parameters
    ----------
    params, layouts
        One entry per row.

    Returns
    -------
    Sensitivity
        On the host.
    """
    parts = [_gradient_program()(*chunk) for chunk, _ in _chunks((params, layouts))]
    total = len(np.asarray(layouts.tp))
    value, gradient = jax.tree.map(lambda *many: np.concatenate(many)[:total], *parts)
    return Sensitivity(value, gradient)


def first_order(found: Sensitivity, before: StepParams, after: StepParams) -> np.ndarray:
    r"""What a change of chips or stacks does to the step times, to first order.

    .. math:: \delta \ln t = \sum_i \frac{\partial \ln t}{\partial x_i} \delta x_i

    Divided by the change of one field of a config, it is that field's column of the Jacobian of a
    calibration.

    Parameters
    ----------
    found
        Gradients at the numbers before.
    before, after
        Numbers of the rows before and after the change.

    Returns
    -------
    np.ndarray
        Change of the logarithm of the step time of each row.
    """
    slopes, old, new = (jax.tree.leaves(tree) for tree in (found.gradient, before, after))
    changes = [
        (slope * (np.asarray(b) - np.asarray(a))).reshape(len(slope), -1).sum(1)
        for slope, a, b in zip(slopes, old, new, strict=True)
    ]
    return np.sum(changes, axis=0)


def _chunks(trees: tuple[StepParams, Layout]) -> Iterator[tuple[Any, int]]:
    """Equal chunks in single precision; the last one repeats its last row."""
    total = len(np.asarray(trees[1].tp))
    for start in range(0, total, CHUNK):
        places = np.minimum(np.arange(start, start + CHUNK), total - 1)
        yield jax.tree.map(lambda leaf, at=places: leaf[at].astype(np.float32), trees), start


class Predictions(NamedTuple):
    """Rows of some files beside what the model says of them."""

    sources: Sequence[Source]
    """Every row of the files."""
    modelled: Sequence[Source]
    """Rows that are modelled."""
    lowered: Lowered | None
    """These as arrays; none where there is none."""
    metrics: StepMetrics | None
    """What is predicted of them, every weight trained."""
    times: np.ndarray
    """Time of a step as the rows ran it. [s]"""


class _Stamp(NamedTuple):
    """A file as it was when it was read."""

    path: Path
    changed: int
    size: int


def predict(files: Sequence[Path], library: Library) -> Predictions:
    """Predict every row of some files that is modelled; once for all who ask.

    Parameters
    ----------
    files
        CSV files.
    library
        Configs.

    Returns
    -------
    Predictions
        Rows and metrics.
    """
    return _predicted(tuple(_stamp(path) for path in files), library)


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _Stamp(path, 0, 0)  # the reader says what is wrong with it
    return _Stamp(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1)
def _predicted(stamps: tuple[_Stamp, ...], library: Library) -> Predictions:
    sources = read_runs([stamp.path for stamp in stamps], library)
    modelled = [one for one in sources if isinstance(one.run, Run)]
    runs = [one.run for one in modelled if isinstance(one.run, Run)]
    if not runs:
        return Predictions(sources, [], None, None, np.empty(0))
    lowered = lower_runs(runs, configs(library))
    metrics = metrics_of(*lowered)
    return Predictions(sources, modelled, lowered, metrics, _times(runs, metrics))


def _times(runs: Sequence[Run], metrics: StepMetrics) -> np.ndarray:
    """Step times; runs that train adapters alone save what frozen weights need not."""
    frozen = np.array([run.row.workload_kind == "lora" for run in runs])
    whole = np.asarray(metrics.step_time, float)
    return np.where(frozen, frozen_step_time(metrics.time_split), whole)

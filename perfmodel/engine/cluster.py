"""Chunks of work on the workers of a Dask cluster; lost workers' chunks run again elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from perfmodel.config.faults import Fault, Faults, shown

RETRIES = 3
"""How often a chunk is tried again after an error; a lost worker counts for Dask itself."""

AHEAD = 2
"""Chunks per worker that wait or run."""

WAIT = 120.0
"""Time in which the first worker has to come. [s]"""

FORMS = "local:N, the address of a scheduler such as tcp://node1:8786, or slurm"


class Cluster:
    """A connection to workers, which ends with the block that it is used in."""

    def __init__(self, where: str, settings: Path | None = None) -> None:
        self._where, self._settings = where, settings
        self._held = ExitStack()
        self._client: Any = None

    def __enter__(self) -> "Cluster":
        distributed = _library("distributed", self._where)
        kind, _, number = self._where.partition(":")
        try:
            if kind == "local":
                workers = _workers(self._where, number)
                cluster = self._held.enter_context(
                    distributed.LocalCluster(
                        n_workers=workers, threads_per_worker=1, dashboard_address=None
                    )
                )
                self._client = self._held.enter_context(distributed.Client(cluster))
            elif self._where == "slurm":
                cluster = self._held.enter_context(_slurm(self._settings))
                self._client = self._held.enter_context(distributed.Client(cluster))
            else:
                self._client = self._held.enter_context(distributed.Client(self._where, timeout=10))
            self._client.wait_for_workers(1, timeout=WAIT)
        except (OSError, TimeoutError, ValueError) as error:
            self._held.close()
            if isinstance(error, Faults):
                raise
            problem = f"no workers: {error}"
            raise Faults([_fault(self._where, problem, FORMS)]) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def workers(self) -> list[str]:
        """Addresses of the workers that are there."""
        return list(self._client.scheduler_info(n_workers=-1)["workers"])

    def each(self, work: Callable[[int], Any], items: Iterable[int]) -> Iterator[Any]:
        """Works on items anywhere, a few per worker at a time.

        Parameters
        ----------
        work
            Takes an item; has to be picklable.
        items
            The items.

        Yields
        ------
        Any
            Results as they come.
        """
        from distributed import as_completed

        waiting = iter(items)
        held = max(AHEAD * len(self.workers), AHEAD)
        running = as_completed(
            [self._submit(work, item) for item in islice(waiting, held)], with_results=True
        )
        for future, result in running:
            future.release()
            running.update([self._submit(work, item) for item in islice(waiting, 1)])
            yield result

    def _submit(self, work: Callable[[int], Any], item: int) -> Any:
        return self._client.submit(work, item, retries=RETRIES, pure=False)


def _workers(where: str, number: str) -> int:
    if not number.isdecimal() or not 1 <= int(number) <= 1024:
        raise Faults([_fault(where, "is no number of workers", "local:2, from 1 to 1024")])
    return int(number)


def _slurm(settings: Path | None) -> Any:
    """Workers that Slurm starts, by the settings of a TOML file."""
    import tomllib

    jobqueue = _library("dask_jobqueue", "slurm")
    given: dict[str, Any] = {}
    if settings is not None:
        try:
            given = tomllib.loads(settings.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Faults([Fault(file=str(settings), problem=f"cannot be read: {error}")]) from error
    jobs = given.pop("jobs", 1)
    cluster = jobqueue.SLURMCluster(**given)
    cluster.scale(jobs=jobs)
    return cluster


def _library(name: str, where: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        expected = "the extra cluster: pip install 'perfmodel[cluster]'"
        fault = _fault(where, f"needs {name}, which is not installed", expected)
    raise Faults([fault])


def _fault(where: str, problem: str, expected: str) -> Fault:
    return Fault(field="--cluster", value=shown(where), problem=problem, expected=expected)

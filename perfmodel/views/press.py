"""A second process that draws figures while the first one computes or draws others."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from perfmodel.views import comparison, flows, network

Draw = Callable[[Path, Sequence[str], str], list[Path]]
"""Draws figures from the tables in a folder: the folder, which figures, their caption."""

DRAWERS: dict[str, Draw] = {
    "comparison": comparison.draw_stored,
    "flows": flows.draw_stored,
    "network": network.draw_stored,
}
"""What can be drawn, by its report."""


class Press:
    """A process that has imported what drawing needs and waits for work."""

    def __init__(self, report: str) -> None:
        self._report = report
        self._child = subprocess.Popen(
            [sys.executable, "-m", "perfmodel.views.press", report],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def order(self, folder: Path, stems: Sequence[str], caption: str) -> None:
        """Has the child draw figures from the tables that are stored already.

        Parameters
        ----------
        folder
            Where the stored tables are and the figures go.
        stems
            Which figures.
        caption
            Where the numbers come from.
        """
        self._ordered = (folder, stems, caption)
        self._sent = self._send([str(folder), list(stems), caption])

    def collect(self) -> list[Path]:
        """Waits for what was ordered; should the child have failed, draws it here.

        Returns
        -------
        list[Path]
            The files.
        """
        files = self._receive() if self._sent else None
        return DRAWERS[self._report](*self._ordered) if files is None else files

    def close(self) -> None:
        """Ends the child."""
        self._child.kill()
        self._child.communicate()

    def _send(self, order: list) -> bool:
        try:
            pipe = self._child.stdin or sys.stdout
            pipe.write(json.dumps(order) + "\n")
            pipe.flush()
        except OSError:
            return False
        return True

    def _receive(self) -> list[Path] | None:
        line = self._child.stdout.readline() if self._child.stdout else ""
        return [Path(name) for name in json.loads(line)] if line else None


@contextmanager
def press(report: str) -> Iterator[Press]:
    """A press that is closed again, whatever happens.

    Parameters
    ----------
    report
        Key of :data:`DRAWERS`.
    """
    started = Press(report)
    try:
        yield started
    finally:
        started.close()


def _serve(draw: Draw) -> None:
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    for line in sys.stdin:
        folder, stems, caption = json.loads(line)
        files = draw(Path(folder), stems, caption)
        sys.stdout.write(json.dumps([str(path) for path in files]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(DRAWERS[sys.argv[1]])

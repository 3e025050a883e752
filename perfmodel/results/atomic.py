"""A file that appears whole or not at all, whatever happens to the process that writes it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from perfmodel.config.faults import Fault, Faults


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name once it is complete and on the disk.

    The bytes go to a hidden file beside it, whose name data set readers skip.

    Parameters
    ----------
    path
        Where the file shall be; missing folders are made.

    Raises
    ------
    Faults
        The folder cannot be written, the disk is full, or the name belongs to a folder.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise Faults(
            [Fault(file=str(path), problem=f"cannot be written: {_reason(error)}")]
        ) from error
    finally:
        _discard(partial)


def check_folder(folder: Path) -> None:
    """Make sure, before anything is computed, that files can be written to a folder.

    Parameters
    ----------
    folder
        Made when missing.

    Raises
    ------
    Faults
        The folder cannot be made or written.
    """
    with whole_file(folder / ".writable"):
        pass
    _discard(folder / ".writable")


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on the disk, where folders can be opened (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(partial: Path) -> None:
    try:
        partial.unlink(missing_ok=True)
    except OSError:
        return  # its folder does not exist; the first error says so


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename} is not a folder"
    return (error.strerror or str(error)).lower()

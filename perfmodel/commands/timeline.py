"""The timeline of an estimate: a table, files and a figure of what each stage does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perfmodel.results.columns import Column
from perfmodel.views.terminal import show, table

if TYPE_CHECKING:
    from perfmodel.config.schema.scenario import Scenario
    from perfmodel.studies.timeline import Laid

Row = Mapping[str, Any]
STEM = "estimate_timeline"


def timeline_of(scenario: "Scenario", row: Row, out: Path) -> "tuple[Laid, list[Path]]":
    """Lays a step out, and writes and draws it.

    Parameters
    ----------
    scenario
        The machine and the job.
    row
        The estimate.
    out
        Folder.

    Returns
    -------
    tuple[Laid, list[Path]]
        The step over time, and the files.
    """
    from perfmodel.results.atomic import check_folder
    from perfmodel.studies.timeline import lay_out

    check_folder(out)
    found = lay_out(scenario, dict(row))
    command = f"perfmodel estimate {row['site']} {row['workload']} --timeline; {row['layout']}"
    return found, store_timeline(out, found, scenario, command)


def print_timeline(found: "Laid | None", files: Sequence[Path]) -> None:
    """Prints the time of each stage in each phase that some stage has.

    Parameters
    ----------
    found
        The step over time; none where it was not asked for.
    files
        What was written.
    """
    if found is None:
        return
    keys = [key for key in found.stages[0] if key != "stage" and any(r[key] for r in found.stages)]
    columns = ["stage", *(Column(key[:-2], "s", key[:-2]) for key in keys)]
    cells = [[str(row["stage"]), *(row[key] for key in keys)] for row in found.stages]
    said = f"One step of {found.step:.4g} s, a micro-batch every {found.period * 1e3:.4g} ms."
    names = ", ".join(str(path) for path in files)
    show(table("Time of each pipeline stage", columns, cells), f"{said}\nWritten: {names}")


def store_timeline(out: Path, found: "Laid", scenario: "Scenario", command: str) -> list[Path]:
    """Writes the segments as Parquet and draws them.

    Parameters
    ----------
    out
        Folder.
    found
        The step over time.
    scenario
        The machine and the job.
    command
        What was asked.

    Returns
    -------
    list[Path]
        Files.
    """
    import jax

    from perfmodel.results.parquet import read, write
    from perfmodel.results.provenance import Provenance, installed_versions
    from perfmodel.views.comparison import columns_of
    from perfmodel.views.figures import stage_timeline
    from perfmodel.views.figures.sheet import save

    provenance = Provenance(
        command=command,
        device=jax.local_devices()[0].device_kind,
        scenario=[scenario.model_dump(mode="json")],
        versions=installed_versions(),
    )
    path = out / f"{STEM}.parquet"
    write(path, columns_of(found.segments), provenance)
    return [path, *save(stage_timeline.draw(read(path).rows, command), out, STEM)]


def timeline_document(found: "Laid | None", files: Sequence[Path]) -> dict[str, Any]:
    """The timeline as JSON values in SI units, and the files; nothing where none was asked for."""
    if found is None:
        return {}
    laid = {
        "stages": found.stages,
        "segments": found.segments,
        "period_s": found.period,
        "step_time_s": found.step,
    }
    return {"timeline": laid, "files": [str(path) for path in files]}

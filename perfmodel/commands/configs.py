"""Look at the configs that ship and at your own: list them, show their sources, check them."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

app = App(name="configs", help=__doc__, help_format="plaintext")

Folders = Annotated[list[Path] | None, Parameter(negative=())]
Format = Literal["table", "json", "csv"]


@app.command(name="list")
def list_configs(
    kind: str | None = None, *, format: Format = "table", configs: Folders = None
) -> None:
    """List configs by kind and name.

    Parameters
    ----------
    kind
        Only those of a kind, such as chips or sites.
    format
        A table for people, JSON with a stable schema, or CSV.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    from perfmodel.commands.printing import Sheet, print_records
    from perfmodel.commands.records import Entry, Listing
    from perfmodel.config.description import entries
    from perfmodel.config.library import Library

    found = [Entry(**entry._asdict()) for entry in entries(Library(configs or ()), kind)]
    sheet = Sheet(Entry, ("kind", "name", "title", "file"))
    print_records(Listing(configs=found), found, format, sheet)


@app.command
def show(target: str, *, format: Format = "table", configs: Folders = None) -> None:
    """Show the values of a config, what it inherits included, and where each comes from.

    Parameters
    ----------
    target
        KIND/NAME such as chips/h100, or a name that only one kind has; or the folder of a run or a
        Parquet file, for the scenario that it came from.
    format
        A table for people, JSON with a stable schema, or CSV.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    from perfmodel.commands.printing import Sheet, print_records
    from perfmodel.commands.records import Description, Field
    from perfmodel.commands.stored_scenario import stored_scenario
    from perfmodel.config.description import describe, find_config
    from perfmodel.config.faults import short_path
    from perfmodel.config.library import Library

    if (stored := stored_scenario(target)) is not None:
        fields = [Field(**field._asdict()) for field in stored.fields]
        answer = Description(kind="result", name=stored.name, file=stored.file, fields=fields)
        print_records(answer, fields, format, Sheet(Field, ("field", "text"), stored.file))
        return
    library = Library(configs or ())
    document = library.document(*find_config(library, target))
    fields = [Field(**field._asdict()) for field in describe(document)]
    file = short_path(document.path)
    answer = Description(kind=document.kind, name=document.name, file=file, fields=fields)
    sheet = Sheet(Field, ("field", "text", "source"), f"{document.kind}/{document.name}: {file}")
    print_records(answer, fields, format, sheet)


@app.command
def check(*paths: Path, format: Format = "table", configs: Folders = None) -> int:
    """Check config files: fields, units, names of other configs, a source for every number.

    Exit status 2 when there are faults; all of them are listed.

    Parameters
    ----------
    paths
        Files or folders; without one your own folders (PERFMODEL_CONFIGS), else what ships.
    format
        A table for people, JSON with a stable schema, or CSV.
    configs
        Folders with more configs that these files may name.
    """
    from perfmodel.commands.printing import Sheet, print_records
    from perfmodel.commands.records import Mistake, Report
    from perfmodel.config.checking import check_files
    from perfmodel.config.faults import STATUS, refuse

    checked = check_files(paths, configs or ())
    if format == "table":
        refuse(checked.faults)
        print(f"{checked.files} files, no faults")
        return 0
    faults = [Mistake(**vars(fault)) for fault in checked.faults]
    sheet = Sheet(Mistake, tuple(Mistake.model_fields))
    print_records(Report(files=checked.files, faults=faults), faults, format, sheet)
    return STATUS if faults else 0


@app.command
def new(
    kind: str,
    name: str,
    *,
    into: Path = Path("perfmodel-configs"),
    extends: str | None = None,
    configs: Folders = None,
) -> None:
    """Start a config of your own: a file with every field, its meaning and its unit.

    Parameters
    ----------
    kind
        Such as chips or sites.
    name
        Name of the new config.
    into
        Your folder of configs; the file goes into its sub-folder for the kind.
    extends
        Config that it should be a variant of.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    from perfmodel.config.template import start

    path = start(kind, name, into, extends, configs or ())
    print(f"{path}\ncheck it: perfmodel configs check {into}\nuse it:   --configs {into}")

"""Answers questions of cost and prints them."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.text import Text

from perfmodel.config.faults import Fault, Faults
from perfmodel.config.library import Library
from perfmodel.config.schema.scenario import Scenario
from perfmodel.engine.devices import Device, device_line, open_devices
from perfmodel.engine.goodput import evaluate_goodput
from perfmodel.results.atomic import check_folder
from perfmodel.results.canonical import csv_text, json_text
from perfmodel.results.columns import COST
from perfmodel.results.parquet import write
from perfmodel.results.provenance import Provenance, installed_versions
from perfmodel.studies.best_layout import best_row
from perfmodel.studies.cost import Place, Row, Work, hour_parts, job_cost, place_of, price_path
from perfmodel.studies.goodput import Question, case_row, job_of
from perfmodel.studies.legality import check_layout
from perfmodel.studies.programme import contradictions, purchases
from perfmodel.views.comparison import columns_of
from perfmodel.views.cost import draw_stored
from perfmodel.views.terminal import facts, show, table

PRICED = "llama3-405b"
"""Workload under which the sites of a programme draw their power."""


class Asked(NamedTuple):
    """What the user named."""

    site: str | None
    workload: str | None
    programme: str | None
    overrides: tuple[str, ...]
    designs: tuple[str, ...]
    storage: str
    cases: tuple[str, ...]
    years: int
    out: Path | None


def deliver(asked: Asked, library: Library, form: str, device: Device) -> int:
    """Answers and prints.

    Parameters
    ----------
    asked
        Names and overrides.
    library
        Where configs come from.
    form
        ``table``, ``json`` or ``csv``.
    device
        Where the kernels run.

    Returns
    -------
    int
        Exit status.
    """
    if asked.programme is None and not (asked.site and asked.workload):
        expected = "a site and a workload, or --programme NAME"
        raise Faults([Fault(problem="nothing to price is named", expected=expected)])
    if not 0 <= asked.years <= MOST_YEARS:
        expected = f"0 to {MOST_YEARS}"
        raise Faults([Fault(field="--years", value=str(asked.years), problem="out of range",
                            expected=expected)])  # fmt: skip
    if asked.out is not None:
        check_folder(asked.out)
    mine = [text for text in asked.overrides if text.startswith("cost.")]
    prices = {name: library.single("cost", name, mine) for name in asked.cases}
    rest = [text for text in asked.overrides if not text.startswith("cost.")]
    sys.stderr.write(device_line(open_devices(device), device))
    if asked.programme is not None:
        return _programme(asked, library, prices, form)
    scenario = library.scenario(str(asked.site), str(asked.workload), overrides=rest)
    return _job(asked, library, (scenario, prices), form)


def _job(asked: Asked, library: Library, priced: tuple[Scenario, dict], form: str) -> int:
    scenario, prices = priced
    check_layout(scenario)
    row = best_row(scenario)
    title = f"{row['workload']} on {row['site']} ({row['chips']:,} chips)"
    if not row["layout"]:
        raise Faults([Fault(problem=f"{title}: {row['reason']}")])
    place = place_of(scenario, scenario.machine.node.chip, row)
    storage = library.load("storage", asked.storage)
    rows: list[Row] = []
    path: list[Row] = []
    for name, costs in prices.items():
        case = library.load("reliability", name)
        question = Question(scenario, storage, {name: case}, "asynchronous")
        job = job_of(question, case, row)
        useful = case_row(question, name, job, evaluate_goodput(job), row)["useful_share"]
        work = Work(row["tokens_per_s"] / row["chips"], useful, scenario.workload.tokens)
        rows.append({"case": name} | job_cost(costs, place, work) | hour_parts(costs, place))
        path += [{"case": name} | year for year in price_path(costs, place, work, asked.years)]
    files = _store(asked, (scenario, prices), rows, path)
    if form == "json":
        labels = {name: row[name] for name in ("site", "workload", "chips", "layout")}
        middle = rows[len(rows) // 2]
        named = {name: middle[key] for name, key in RELIED_ON.items()}
        sys.stdout.write(json_text({**labels, **middle, **named, "cases": rows}
            | {"years": path, "files": [str(file) for file in files]}) + "\n")  # fmt: skip
    elif form == "csv":
        sys.stdout.write(csv_text(columns_of(rows)))
    else:
        names = [one["case"] for one in rows]
        shown = [column for column in COST.values() if column.key in rows[0]]
        last = [f"Tables and figures: {asked.out}/ ({len(files)} files)"] if files else []
        show(facts(title, names, shown, rows), _years(path, names), *last)
    return 0


def _years(path: list[Row], names: list[str]) -> RenderableType:
    """A line per year, a chip-hour and a million tokens per case."""
    known = {(row["year"], row["case"]): row for row in path}
    heads = [COST[key]._replace(label=f"{COST[key].label}, {name}") for key in PATH
             for name in names]  # fmt: skip
    lines = [
        [year, *(known[year, name][COST[key].key] for key in PATH for name in names)]
        for year in dict.fromkeys(row["year"] for row in path)
    ]
    return table("The same work with equipment that is bought later", ["years on", *heads], lines)


PATH = ("chip_hour", "million_tokens")
"""Quantities of a year on the terminal."""

MOST_YEARS = 30
"""Furthest that a trend of prices is followed."""


def _store(
    asked: Asked, priced: tuple[Scenario, dict], rows: list[Row], path: list[Row]
) -> list[Path]:
    """Tables and figure of a job, where a folder is named."""
    if asked.out is None:
        return []
    import jax

    scenario, prices = priced
    provenance = Provenance(
        command="perfmodel cost",
        device=jax.local_devices()[0].device_kind,
        scenario=[one.model_dump(mode="json") for one in (scenario, *prices.values())],
        versions=installed_versions(),
    )
    files = [asked.out / f"{stem}.parquet" for stem in ("cost_cases", "cost_years")]
    for file, table_rows in zip(files, (rows, path), strict=True):
        write(file, columns_of(table_rows), provenance)
    return files + draw_stored(asked.out, f"perfmodel cost {asked.site} {asked.workload}")


RELIED_ON = {
    "eur_per_chip_hour": "chip_hour_eur",
    "eur_per_million_tokens": "million_tokens_eur",
    "kgco2_per_million_tokens": "million_tokens_carbon_kg",
}
"""Further names of three quantities, for scripts that look for them."""


def _programme(asked: Asked, library: Library, prices: dict, form: str) -> int:
    programme = library.load("programmes", str(asked.programme))
    places: dict[str, Place] = {}
    for name in asked.designs:
        scenario = library.scenario(name, PRICED)
        row = best_row(scenario)
        places[name] = place_of(scenario, scenario.machine.node.chip, row)
    rows: list[Row] = purchases(programme, prices, places)
    said = contradictions(programme, rows)
    if form == "json":
        answer: dict[str, Any] = {"programme": programme.name, "cases": rows}
        sys.stdout.write(json_text(answer | {"contradictions": said}) + "\n")
    elif form == "csv":
        sys.stdout.write(csv_text(columns_of(rows)))
    else:
        heads = [COST[name] for name in BOUGHT]
        cells = [[row["site"], row["case"], *(row[head.key] for head in heads)] for row in rows]
        title = f"{programme.name}: what the budget of one gigafactory buys"
        show(table(title, ["site", "prices", *heads], cells), *map(Text, said))
    return 0


BOUGHT = ("capital", "chips_bought", "share_of_announced", "provisioned", "chip_hour")
"""Quantities of a purchase."""

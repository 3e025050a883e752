"""The command line: one line per verb, and the one place where faults become an exit status."""

import ast
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from cyclopts import App, CycloptsError

from perfmodel.config.faults import STATUS, Faults, printable

DONE, INTERRUPTED = 0, 130

VERBS = {
    "compare": "perfmodel.commands.compare:compare",
    "estimate": "perfmodel.commands.estimate:estimate",
    "search": "perfmodel.commands.search:search",
    "sweep": "perfmodel.commands.sweep:sweep",
    "power": "perfmodel.commands.power:power",
    "goodput": "perfmodel.commands.goodput:goodput",
    "cost": "perfmodel.commands.cost:cost",
    "sensitivity": "perfmodel.commands.sensitivity:sensitivity",
    "codesign": "perfmodel.commands.codesign:codesign",
    "train-time": "perfmodel.commands.train_time:train_time",
    "network": "perfmodel.commands.network:network",
    "plot": "perfmodel.commands.plot:plot",
    "report": "perfmodel.commands.report:report",
    "validate": "perfmodel.commands.validate:validate",
    "calibrate": "perfmodel.commands.calibrate:calibrate",
    "bench": "perfmodel.commands.bench:bench",
    "rerun": "perfmodel.commands.rerun:rerun",
    "configs": "perfmodel.commands.configs:app",
    "schema": "perfmodel.commands.schema:schema",
    "devices": "perfmodel.commands.devices:devices",
}
"""Verb to what it runs, imported when it is asked for."""


def build() -> App:
    """Build the application without importing a verb."""
    app = App(
        name="perfmodel",
        help="Throughput, interconnect and power of a whole AI site, before it is built.",
        help_format="plaintext",
        version=_version,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for position, (verb, target) in enumerate(VERBS.items()):
        app.command(target, name=verb, help=documentation(target), sort_key=position)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        Words after the program's name.

    Returns
    -------
    int
        Exit status: 0 done, 1 a check did not hold, 2 the input is wrong, 130 interrupted.
    """
    try:
        status = build()(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _close_output()
        return DONE
    except Faults as error:
        return _say(str(error), STATUS)
    except CycloptsError as error:
        return _say(f"{_one_line(error)} Try perfmodel --help.", STATUS)
    except OSError as error:
        if error.filename is None:
            raise
        return _say(f"{printable(str(error.filename))}: {error.strerror}", STATUS)
    return status if isinstance(status, int) else DONE


def main() -> NoReturn:
    """Run the command of this process and end it; an interrupt waits for no thread."""
    status = run(sys.argv[1:])
    if status == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def documentation(target: str) -> str:
    """Docstring of a verb, read from its source: importing it would cost more than the help.

    Parameters
    ----------
    target
        Module and attribute, joined by a colon.

    Returns
    -------
    str
        Docstring of the function, or that of the module where the attribute is no function.
    """
    module, _, attribute = target.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    owner = next((node for node in functions if node.name == attribute), tree)
    return (ast.get_docstring(owner) or "").partition("\n\nParameters")[0]


def _version() -> str:
    from importlib.metadata import version

    return version("perfmodel")


def _say(message: str, status: int) -> int:
    """Print on standard error, one line per fault."""
    for line in message.splitlines():
        print(f"perfmodel: {line}", file=sys.stderr)
    return status


def _one_line(error: CycloptsError) -> str:
    text = printable(" ".join(str(error).split()))
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _close_output() -> None:
    """Nobody reads on: keep the interpreter from saying so when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""Start of the program: the help, and one small estimate in a process of its own."""

import subprocess
import sys
from collections.abc import Callable


def _perfmodel(*words: str) -> None:
    command = [sys.executable, "-m", "perfmodel", *words]
    subprocess.run(command, check=True, capture_output=True)


def test_print_the_help(ratio_of: Callable[..., float]) -> None:
    ratio_of(lambda: _perfmodel("--help"), "startup_help", rounds=5)


def test_show_a_config_with_its_sources(ratio_of: Callable[..., float]) -> None:
    ratio_of(lambda: _perfmodel("configs", "show", "h100"), "startup_configs_show", rounds=3)

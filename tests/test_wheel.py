"""The wheel that users install: built from the sdist, complete, and usable from anywhere."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]


class Installed(NamedTuple):
    """A fresh environment that holds the wheel, and the files that it was made from."""

    folder: Path
    sdist: Path
    wheel: Path

    def run(self, *command: str) -> str:
        """Run a program of the environment in an unrelated folder."""
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        program = self.folder / "env" / "bin" / command[0]
        done = subprocess.run(
            [program, *command[1:]],
            cwd=elsewhere,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def call(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    dist, env = folder / "dist", folder / "env"
    # without an option that names one kind, the wheel is built from the sdist
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT)
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    call(sys.executable, "-m", "virtualenv", "--no-periodic-update", env)
    python = env / "bin" / "python"
    call(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    # a path in a .pth file lends the dependencies, but not the editable install beside them
    (site,) = env.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return Installed(folder, sdist, wheel)


def files_of(*folders: str) -> set[str]:
    files = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")
    }


def test_the_wheel_holds_every_module_config_and_style(installed):
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    expected = {name.removeprefix("kernels/") for name in files_of("perfmodel", "kernels")}
    expected |= {f"perfmodel/{name}" for name in files_of("configs")}
    assert expected <= names
    assert "perfmodel/views/style.mplstyle" in names
    packages = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"perfmodel", "perfmodel_kernels"}


def test_the_sdist_holds_the_tests_and_the_licence(installed):
    with tarfile.open(installed.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files_of("tests", "bench", "configs") <= names
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names


def test_the_installed_packages_are_imported_not_the_checkout(installed):
    code = (
        "import perfmodel, perfmodel_kernels; print(perfmodel.__file__, perfmodel_kernels.__file__)"
    )
    for path in installed.run("python", "-c", code).split():
        assert Path(path).is_relative_to(installed.folder)


def test_the_installed_library_holds_every_shipped_config(installed):
    code = """
from perfmodel.config.library import Library
import perfmodel_kernels.step
for kind in ("chips", "sites", "models", "workloads"):
    print(kind, *sorted(Library().names(kind)))
"""
    for line in installed.run("python", "-c", code).splitlines():
        kind, *names = line.split()
        assert names == sorted(path.stem for path in (ROOT / "configs" / kind).glob("*.toml"))


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["compare", "--help"]])
def test_the_installed_command_answers_from_an_unrelated_folder(installed, command):
    assert installed.run("perfmodel", *command).strip()

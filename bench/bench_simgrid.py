"""The same instance by SimGrid, where it is installed: equal rates, both times."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bench.instances import UNEVEN, permutation
from perfmodel.engine.flows import solve

SOURCE = Path(__file__).parent / "simgrid" / "max_min.cpp"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The peer, compiled; no compiler or no library skips the comparison."""
    target = tmp_path_factory.mktemp("simgrid") / "max_min"
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++")
    command = [compiler, "-O2", "-std=c++17", str(SOURCE), "-o", str(target), "-lsimgrid"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("SimGrid is not installed (Debian: libsimgrid-dev)")
    return target


@pytest.mark.parametrize("hosts", [1024, 4096])
def test_simgrid_finds_the_same_rates(
    benchmark: object, program: Path, tmp_path: Path, hosts: int
) -> None:
    flows, source, target = permutation(hosts, UNEVEN)
    partner = np.arange(hosts)
    partner[source] = target
    route = np.full((hosts, flows.route.shape[1]), len(flows.capacity))
    route[source] = flows.route
    lines = [f"{hosts} {len(flows.capacity)} {route.shape[1]}"]
    lines.append(" ".join(repr(float(value)) for value in flows.capacity))
    lines += [f"{partner[host]} {' '.join(map(str, route[host]))}" for host in range(hosts)]
    instance = tmp_path / "instance.txt"
    instance.write_text("\n".join(lines))
    answer = subprocess.run(
        [str(program), str(instance)], capture_output=True, text=True, check=True
    ).stdout.split()
    solved = solve(flows)
    peer = np.array(answer[2:], float)[source]
    assert solved.verified
    assert np.max(np.abs(peer / solved.rate - 1.0)) < 1e-5
    benchmark.extra_info["simgrid_s"] = float(answer[1])  # type: ignore[attr-defined]
    benchmark.extra_info["own_s"] = solved.wall  # type: ignore[attr-defined]
    benchmark.pedantic(lambda: None, rounds=1)  # type: ignore[attr-defined]
    print(f"\n{hosts} hosts: SimGrid {float(answer[1]):.3f} s, here {solved.wall:.3f} s")

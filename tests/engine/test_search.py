"""The staged search against plain evaluations, and on more than one device."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from perfmodel.engine import search_programs
from perfmodel.engine.coupling import Coupling, Price, net_rate
from perfmodel.engine.run import evaluate_few
from perfmodel.engine.search import KEEP, RESPECTS, Found, Limits, evaluate_found, search
from perfmodel.engine.search_kernel import NET
from perfmodel.spaces.layouts import FIELDS, Layouts, alone
from perfmodel.spaces.space import Space, blocks
from perfmodel_kernels.layout import Layout
from perfmodel_kernels.site import Evaluation, SiteParams, evaluate
from tests.kernels.compiling import QUICK_FLAGS, compiled
from tests.kernels.examples import as_arrays
from tests.kernels.test_job_goodput import HABITS, STORE


@pytest.fixture(scope="module")
def tight(params: SiteParams) -> SiteParams:
    """Memory in which about half of the layouts fit."""
    return params._replace(step=params.step._replace(capacity=60e9))


@pytest.fixture(scope="module")
def plain(tight: SiteParams, layouts: Layouts) -> Evaluation:
    """Every layout on its own, by vmap in double precision."""
    shared = jax.tree.map(np.float64, tight)
    return jax.tree.map(
        np.asarray, compiled(jax.vmap(lambda one: evaluate(shared, one)))(Layout(*layouts))
    )


@pytest.fixture(scope="module")
def found(tight: SiteParams, small: Space) -> Found:
    return search(tight, small, Limits(power=30e6, respects=("time", "memory")))


def test_every_layout_is_counted(found: Found, plain: Evaluation) -> None:
    assert found.points == len(plain.step.mfu)
    assert found.feasible == pytest.approx(plain.step.feasible.sum(), rel=1e-3)
    assert found.wanted == found.feasible
    assert 0 < found.feasible < found.points


def test_the_best_of_each_objective_are_the_best_of_all(found: Found, plain: Evaluation) -> None:
    fits = plain.step.feasible
    rate, power = plain.site.tokens_per_s, plain.site.site_power
    scores = {
        "throughput": rate,
        "energy": -plain.site.energy_per_token,
        "power-limited": np.where(power <= 30e6, rate, -np.inf),
        "memory": -plain.step.memory_fraction,
    }
    for name, score in scores.items():
        ordered = np.sort(np.where(fits, score, -np.inf))[::-1][:KEEP]
        expected = ordered[np.isfinite(ordered)]
        np.testing.assert_allclose(found.best[name].score, expected, rtol=1e-4, err_msg=name)


def test_failures_and_prices_enter_as_one_objective(
    tight: SiteParams, small: Space, plain: Evaluation, layouts: Layouts
) -> None:
    coupling = Coupling(HABITS, STORE, 3.0, Price(10.0, 5e-8))
    found = search(tight, small, Limits(coupling=coupling)).best[NET]
    rate = jax.vmap(net_rate, in_axes=(0, 0, None))(plain, Layout(*layouts), coupling)
    ordered = np.sort(np.where(plain.step.feasible, rate, -np.inf))[::-1][:KEEP]
    np.testing.assert_allclose(found.score, ordered, rtol=1e-4)


def test_a_search_that_asks_for_no_prices_keeps_nothing_by_them(found: Found) -> None:
    assert len(found.best[NET].score) == 0


def test_the_metrics_belong_to_the_layout_that_is_named(found: Found, tight: SiteParams) -> None:
    kept = found.best["throughput"]
    alone = compiled(evaluate)(as_arrays(tight), as_arrays(kept.layouts.row(3)))
    for many, one in zip(jax.tree.leaves(kept.evaluation), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(many[3], one, rtol=1e-4)


def test_one_layout_is_evaluated_as_it_was_found(found: Found, tight: SiteParams) -> None:
    kept = found.best["throughput"]
    row = alone(kept.layouts.row(2))
    again = evaluate_found(tight, row)
    for many, one in zip(jax.tree.leaves(kept.evaluation), jax.tree.leaves(again), strict=True):
        assert many[2] == one[0]
    few = evaluate_few(tight, row)
    for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(few), strict=True):
        np.testing.assert_allclose(one, other, rtol=5e-6)


def test_one_layout_that_does_not_fit_is_evaluated_too(found: Found, tight: SiteParams) -> None:
    row = alone(found.best["throughput"].layouts.row(0))
    small = tight._replace(step=tight.step._replace(capacity=1e9))
    again = evaluate_found(small, row)
    assert not again.step.feasible[0]
    assert again.step.memory_fraction[0] > 1.0


def test_the_front_is_what_no_other_layout_beats(found: Found, plain: Evaluation) -> None:
    fits = plain.step.feasible
    time, memory = 1.0 / plain.site.tokens_per_s[fits], plain.step.memory[fits]
    order = np.lexsort((memory, time))
    least, front = np.inf, []
    for place in order:
        if memory[place] < least * (1.0 - 1e-6):
            least = memory[place]
            front.append((time[place], least))
    assert found.front is not None
    assert found.lost == 0
    own = found.front.evaluation
    assert len(front) > 5
    # float32 may part two layouts that double precision calls equal
    assert abs(len(own.step.memory) - len(front)) <= 2
    for when, held in front:
        close = np.asarray(own.step.memory) <= held * (1.0 + 1e-5)
        assert (1.0 / np.asarray(own.site.tokens_per_s)[close]).min() <= when * (1.0 + 1e-5)


def test_a_front_of_four_holds_the_best_of_each(tight: SiteParams, small: Space) -> None:
    wide = search(tight, small, Limits(respects=tuple(RESPECTS)))
    assert wide.front is not None
    rates = np.asarray(wide.front.evaluation.site.tokens_per_s)
    assert rates.max() == pytest.approx(wide.best["throughput"].score[0], rel=1e-7)


def test_bounds_keep_what_lies_within(tight: SiteParams, small: Space, plain: Evaluation) -> None:
    columns = len(FIELDS) + len(jax.tree.leaves(plain))
    low, high = np.full(columns, -np.inf), np.full(columns, np.inf)
    place = len(FIELDS) + Evaluation._fields.index("step")  # step time comes first
    high[place] = np.median(plain.step.step_time)
    found = search(tight, small, Limits(low=low, high=high))
    expected = plain.step.feasible & (plain.step.step_time <= high[place])
    assert found.wanted == pytest.approx(expected.sum(), rel=1e-3)
    assert found.wanted < found.feasible


def test_passing_over_slow_modes_keeps_the_best(tight: SiteParams, small: Space) -> None:
    whole, fast = search(tight, small), search(tight, small, Limits(bounded=True))
    assert fast.points < whole.points
    first = whole.best["throughput"]
    assert fast.best["throughput"].score[0] == first.score[0]
    shapes = [name for name in Layout._fields if name not in ("sharding", "recompute")]
    kept = fast.best["throughput"].layouts
    table = np.stack([getattr(kept, name) for name in shapes], axis=1)
    assert len(np.unique(table, axis=0)) == len(table)


def test_no_mode_beats_the_first_one_in_time(plain: Evaluation, layouts: Layouts) -> None:
    first = (layouts.sharding == 1.0) & (layouts.recompute == 0.0)
    shape = np.cumsum(first) - 1
    rate = np.asarray(plain.site.tokens_per_s)
    assert (rate <= rate[first][shape] * (1.0 + 1e-5)).all()


def test_nothing_that_fits_leaves_empty_lists(params: SiteParams, small: Space) -> None:
    nothing = params._replace(step=params.step._replace(capacity=1e6))
    found = search(nothing, small, Limits(respects=("time", "memory")))
    assert found.feasible == 0
    assert all(len(best.score) == 0 for best in found.best.values())
    assert found.front is not None
    assert len(found.front.score) == 0
    assert not np.isfinite(found.grid).any()


def test_no_layout_at_all_is_no_error(params: SiteParams, small: Space) -> None:
    found = search(params, small._replace(bases=small.bases[:0]))
    assert found.points == 0


def test_the_map_holds_the_best_by_tensor_ranks_and_stages(
    found: Found, plain: Evaluation, layouts: Layouts
) -> None:
    rate = np.where(plain.step.feasible, plain.site.tokens_per_s, -np.inf)
    for tp, pp in ((4, 8), (8, 16)):
        own = rate[(layouts.tp == tp) & (layouts.pp == pp)]
        assert found.grid[int(np.log2(tp)), pp] == pytest.approx(own.max(), rel=1e-4)


@pytest.mark.slow
def test_a_thousand_machines_take_one_compilation(params: SiteParams, small: Space) -> None:
    from bench.counters import compilations

    few = small._replace(bases=small.bases[:2])
    shapes = list(blocks(few))
    search(params, few, shapes=shapes)
    rates = []
    with compilations() as counted:
        for number in range(1000):
            chip = params.step.chip._replace(hbm=params.step.chip.hbm * (0.5 + number / 1000.0))
            one = params._replace(step=params.step._replace(chip=chip))
            limits = Limits(bounded=True)
            rates.append(search(one, few, limits, shapes).best["throughput"].score[0])
    assert counted.count == 0
    assert (np.diff(rates) >= -1e-6 * rates[0]).all()
    assert rates[-1] > rates[0]


@pytest.mark.slow
def test_without_kernels_of_our_own_the_result_is_the_same(
    monkeypatch: pytest.MonkeyPatch, found: Found, tight: SiteParams, small: Space
) -> None:
    """As accelerators run it."""
    kernel = search_programs.Kernel
    monkeypatch.setattr(search_programs, "Kernel", lambda planned, _: kernel(planned, False))
    search_programs.programs.cache_clear()
    plain = search(tight, small, Limits(power=30e6, respects=("time", "memory")))
    search_programs.programs.cache_clear()
    assert (plain.points, plain.feasible) == (found.points, found.feasible)
    for name, best in found.best.items():
        np.testing.assert_allclose(plain.best[name].score, best.score, rtol=1e-5, err_msg=name)
    assert plain.front is not None and found.front is not None
    np.testing.assert_allclose(plain.front.score, found.front.score, rtol=1e-5)


_CHILD = """
import json, sys
from perfmodel.engine import search_kernel
search_kernel.ROUNDS = int(sys.argv[1])
from perfmodel.engine import search as engine
from tests.engine.conftest import SMALL
from perfmodel.config.library import Library
from perfmodel.lowering.site import lower_site
from perfmodel.spaces.space import space
from perfmodel.studies.best_layout import job
import jax, numpy as np
scenario = Library().scenario("ai-factory", "llama3-405b")
limits = engine.Limits(power=30e6, respects=("time", "memory"))
found = engine.search(lower_site(scenario), space(job(scenario, 16384, 2048), SMALL), limits)
parts = [found.front, *found.best.values()]
bits = [np.asarray(leaf, np.float32).tobytes().hex() for leaf in jax.tree.leaves(parts)]
print(json.dumps([len(jax.local_devices()), found.points, found.feasible, bits]))
"""


@pytest.mark.slow
def test_devices_and_chunks_change_no_bit_and_one_device_no_layout() -> None:
    """XLA orders a few operations in another way for a single device, which no CPU run uses."""
    results = {}
    for count, rounds in ((1, 16), (2, 3), (8, 16)):
        flags = f"--xla_force_host_platform_device_count={count} {QUICK_FLAGS}"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(rounds)],
            env=environment,
            capture_output=True,
            check=True,
        )
        devices, *rest = json.loads(done.stdout)
        assert devices == count
        results[count] = rest
    assert results[2] == results[8]
    assert results[1][:2] == results[8][:2]
    for few, many in zip(results[1][2], results[8][2], strict=True):
        values = [np.frombuffer(bytes.fromhex(text), np.float32) for text in (few, many)]
        np.testing.assert_allclose(*values, rtol=5e-6)

"""Annotated shapes hold: the kernels traced under beartype, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TRACED = """
import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

from jaxtyping import install_import_hook

with install_import_hook({modules!r}, "beartype.beartype"):
    from perfmodel_kernels.placement import stage_counts
    from perfmodel_kernels.site import evaluate

from tests.kernels.examples import EXPERTS, LAYOUT, SITE, as_arrays

{body}
"""

EVALUATED = """
for site in (SITE, SITE._replace(step=SITE.step._replace(model=EXPERTS))):
    jax.eval_shape(evaluate, as_arrays(site), as_arrays(LAYOUT))
"""


def traced(body: str, modules: tuple[str, ...]) -> subprocess.CompletedProcess:
    """Runs a body after an import that checks the modules' annotations."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "kernels"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", TRACED.format(modules=modules, body=body)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
    )


SOUND = tuple(
    f"perfmodel_kernels.{name}"
    for name in (
        "building", "exposure", "extremes", "in_flight", "layout", "max_plus", "memory",
        "operators", "parameters", "placement", "power", "schedule", "schedule_orders", "site",
        "stage_orders", "step", "step_energy", "step_parts", "timeline", "topology", "traffic",
        "transformer", "volume",
    )
)  # fmt: skip


def test_a_whole_evaluation_keeps_the_annotated_shapes():
    found = traced(EVALUATED, SOUND)
    assert found.returncode == 0, found.stderr[-2000:]


def test_roofline_and_collectives_keep_them_too():
    found = traced(EVALUATED, ("perfmodel_kernels",))
    assert found.returncode == 0, found.stderr[-2000:]


def test_a_wrong_shape_would_be_seen():
    found = traced("stage_counts(jax.numpy.ones(3))", SOUND)
    assert found.returncode != 0
    assert "TypeCheckError" in found.stderr


MESSAGES = """
from perfmodel_kernels.message_methods import RING_ALL_REDUCE
from perfmodel_kernels.message_passing import Host, Ranks, message_passing_time

jax.eval_shape(message_passing_time, 1e6, Ranks(8.0, 1.0), RING_ALL_REDUCE, Host(*[1.0] * 11))
"""


def test_message_passing_keeps_its_shapes():
    found = traced(MESSAGES, ("perfmodel_kernels.message_passing",))
    assert found.returncode == 0, found.stderr[-2000:]


PIPELINES = """
import numpy as np

from perfmodel_kernels.in_flight import activations_in_flight, parameter_copies
from perfmodel_kernels.max_plus import Sends
from perfmodel_kernels.schedule import DUALPIPE, Passes, Pipeline, idle_time, send_exposure
from perfmodel_kernels.schedule_orders import order_tables
from perfmodel_kernels.timeline import PhaseTimes, Tail, timeline

shape = as_arrays(Pipeline(4.0, 1.0, 8.0, DUALPIPE))
jax.eval_shape(idle_time, as_arrays(Passes(*[np.ones(3)] * 4)), shape)
jax.eval_shape(send_exposure, 1e-3, 0.5, shape)
jax.eval_shape(activations_in_flight, np.ones(3), shape)
jax.eval_shape(parameter_copies, shape.schedule)
times = PhaseTimes(np.ones((9, 4)), np.ones((9, 4)), np.ones(4), np.ones(4))
tail = Tail(np.ones(4), 1.0, np.ones(4), 1.0)
orders = order_tables(DUALPIPE, 4, 1, 8)
jax.eval_shape(timeline, times, Sends(np.ones(4), 0.5), tail, orders)
"""


def test_schedules_and_the_timeline_keep_their_shapes():
    found = traced(PIPELINES, SOUND)
    assert found.returncode == 0, found.stderr[-2000:]


FLOWING = """
import numpy as np
from perfmodel_kernels.drain import drain
from perfmodel_kernels.fairness import verify
from perfmodel_kernels.flows import Flows

flows = Flows(np.ones(3), np.zeros((8, 2), np.int32), np.ones(8), np.ones(8))
jax.eval_shape(drain, flows, np.ones(8), 0.1)
jax.eval_shape(verify, flows, np.ones(8), 1e-5)
"""


def test_flows_keep_the_annotated_shapes():
    names = ("drain", "fairness", "fixed_point", "flow_lists", "flows")
    found = traced(FLOWING, tuple(f"perfmodel_kernels.{name}" for name in names))
    assert found.returncode == 0, found.stderr[-2000:]


FAILING = """
import numpy as np
from perfmodel_kernels.checkpoints import Interruption, Saving, goodput
from perfmodel_kernels.failure_run import Run, failure_events, failure_run
from perfmodel_kernels.recovery import Restart, restart_time
from perfmodel_kernels.reliability import Failures, chips_lost, poisson_quantile

saving, stop = Saving(2.0, 30.0, 0.05, 3600.0), Interruption(1800.0, 600.0)
run = Run(86400.0, 300.0, saving, stop, 1.0)
for draw in (failure_run, failure_events):
    jax.eval_shape(draw, np.int32(0), as_arrays(run), np.arange(3))
jax.eval_shape(goodput, 300.0, as_arrays(saving), as_arrays(stop))
jax.eval_shape(chips_lost, 64.0, Failures(np.ones(18), np.ones(18)))
jax.eval_shape(poisson_quantile, 47.0, 0.99)
jax.eval_shape(restart_time, as_arrays(Restart(*[1.0] * 5)), 1e5, 9.0)
"""


def test_failures_and_checkpoints_keep_their_shapes():
    names = ("checkpoints", "failure_run", "recovery", "reliability")
    found = traced(FAILING, tuple(f"perfmodel_kernels.{name}" for name in names))
    assert found.returncode == 0, found.stderr[-2000:]


TRAINING = """
from perfmodel_kernels.training_run import BatchLaw, Budget, LossLaw, largest_run, sized_run

laws = as_arrays(LossLaw(1.8, 482.0, 2085.0, 0.35, 0.37)), as_arrays(BatchLaw(6e7, 1e13, 0.5, 2.0))
budget = as_arrays(Budget(60.0, 16e6, 0.5))
jax.eval_shape(largest_run, budget, *laws)
jax.eval_shape(sized_run, 1e12, budget, *laws)
"""


def test_training_runs_keep_their_shapes():
    found = traced(TRAINING, ("perfmodel_kernels.training_run",))
    assert found.returncode == 0, found.stderr[-2000:]

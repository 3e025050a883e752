"""High-Performance Linpack under a cap: limits, bounds, published systems, derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfmodel_kernels.linpack import Linpack, exposed_ratio, linpack_metrics
from tests.kernels.compiling import compiled
from tests.kernels.difference import check_gradient
from tests.kernels.examples import POWER

RUN = Linpack(
    rate=58e12,
    flop_energy=13.5e-12,
    hbm_energy=35e-12,
    capacity=96e9,
    injection=25e9,
    exposed=0.6,
    power=POWER._replace(cap=585.0),
)
UNLIMITED = RUN._replace(power=POWER._replace(cap=1e6))
metrics = compiled(linpack_metrics)


def test_an_endless_network_and_cap_leave_the_rate_of_the_products():
    found = metrics(UNLIMITED._replace(injection=1e30))
    assert float(found.rate) == pytest.approx(58e12 * POWER.highest)
    assert float(found.exposed_fraction) == pytest.approx(0.0, abs=1e-12)


def test_exchanges_by_hand():
    # 96 GB, four fifths full of numbers of 8 B: 97,980 columns a chip
    by_hand = 12 * 0.6 * 50e12 / 25e9 / 97_980
    assert float(exposed_ratio(50e12, RUN)) == pytest.approx(by_hand, rel=1e-4)


def test_a_capped_run_draws_less_than_its_cap_while_it_waits():
    found = metrics(RUN)
    waiting = 70.0 + 80.0
    share = float(found.exposed_fraction)
    assert 0.05 < share < 0.25
    assert float(found.chip_power) == pytest.approx(585.0 * (1 - share) + waiting * share)


def test_the_processor_of_a_module_takes_its_part_of_the_cap():
    module = RUN._replace(power=POWER._replace(cap=680.0, host=95.0))
    alone, shared = metrics(RUN), metrics(module)
    assert float(shared.rate) == pytest.approx(float(alone.rate), rel=1e-9)
    assert float(shared.chip_power) == pytest.approx(float(alone.chip_power) + 95.0)


runs = st.builds(
    lambda cap, memory, network: RUN._replace(
        capacity=memory, injection=network, power=POWER._replace(cap=cap)
    ),
    st.floats(100.0, 1500.0),
    st.floats(16e9, 400e9),
    st.floats(1e9, 400e9),
)


@settings(max_examples=60, deadline=None)
@given(runs)
def test_a_run_stays_between_idle_and_the_cap_and_below_the_peak(run):
    found = metrics(run)
    assert run.power.idle < float(found.chip_power) <= run.power.cap * (1 + 1e-9)
    assert 0.0 < float(found.rate) <= run.rate * run.power.highest


@settings(max_examples=60, deadline=None)
@given(runs, st.floats(1.05, 3.0))
def test_more_power_memory_or_network_is_never_slower(run, factor):
    before = float(metrics(run).rate)
    power = run.power._replace(cap=run.power.cap * factor)
    better = (
        run._replace(power=power),
        run._replace(capacity=run.capacity * factor),
        run._replace(injection=run.injection * factor),
    )
    assert all(float(metrics(other).rate) >= before * (1 - 1e-9) for other in better)


@pytest.mark.parametrize(
    ("field", "sign"),
    [("rate", 1), ("flop_energy", -1), ("injection", 1), ("capacity", 1), ("exposed", -1)],
)
def test_gradient_of_the_rate_equals_the_difference(field, sign):
    arguments = Linpack(*(np.float64(part) for part in RUN[:-1]), RUN.power)

    def scaled(value):
        return linpack_metrics(arguments._replace(**{field: value})).rate / 1e12

    check_gradient(scaled, float(getattr(RUN, field)), sign)

"""Failures and storage as the kernels take them."""

import numpy as np
import pytest

from perfmodel.config.library import Library
from perfmodel.lowering.reliability import Saved, lower_habits, lower_store


def test_what_takes_a_domain_has_the_rate_of_its_counts(library: Library):
    base = library.load("reliability", "base")
    found = lower_habits(base, library.machine("gigafactory"))
    per_chip = 0.00379 / 86400.0 / 8.0
    assert found.failures.rate.sum() == pytest.approx(per_chip)
    assert found.failures.rate[1] / per_chip == pytest.approx(35.0 / 419.0)
    assert found.slow.rate == pytest.approx(0.00038 / 86400.0 / 8.0)


def test_a_failed_switch_takes_a_domain_and_a_failed_chip_its_node(library: Library):
    base = library.load("reliability", "base")
    machine = library.machine("gigafactory")
    blast = lower_habits(base, machine).failures.blast
    assert machine.chip.scaleup.domain == 72
    np.testing.assert_array_equal(blast, [machine.node.chips, 72.0])


def test_a_checkpoint_has_fourteen_bytes_per_parameter(library: Library):
    saved = Saved(1e9, library.load("reliability", "base"))
    machine = library.machine("ai-factory")
    found = lower_store(saved, library.load("storage", "tectonic"), machine)
    assert (found.state, found.weights) == (14e9, 2e9)
    assert found.write == 2e12
    assert found.host_link == machine.node.host_link

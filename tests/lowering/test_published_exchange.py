"""Rows of exchanges between experts: the machine that stands for each, and its numbers."""

import pytest

from perfmodel.config.library import Library
from perfmodel.config.measurements import read_rows, shipped_measurements
from perfmodel.config.schema.exchange_measurement import ExchangeRow
from perfmodel.lowering.published_exchange import (
    FABRIC,
    GENERATIONS,
    SITE,
    Exchange,
    chip_of,
    lower_exchange,
    node_of,
)

SHIPPED = Library()
ROWS = read_rows(shipped_measurements("moe_exchange.csv"), ExchangeRow)


def row(**cells: object) -> ExchangeRow:
    given = {
        "id": "one", "kind": "V1 low-latency dispatch FP8", "chip_id": "h800", "hardware": "H800",
        "expert_parallel": 16, "mode": "single", "direction": "dispatch", "tokens": 128,
        "token_bytes": 7392, "copies": 8,
    }  # fmt: skip
    return ExchangeRow.model_validate(given | cells)


def lowered(**cells: object) -> Exchange:
    found = lower_exchange(row(**cells), SHIPPED)
    assert isinstance(found, Exchange)
    return found


def test_every_chip_of_the_file_has_the_node_that_its_source_names():
    nodes = {chip_of(one): node_of(chip_of(one), SHIPPED) for one in ROWS}
    assert nodes == {
        "h800": "hgx-h800",
        "h100": "dgx-h100",
        "b200": "dgx-b200",
        "gb200": "gb200-nvl72",
    }


def test_a_named_chip_goes_before_an_architecture():
    assert chip_of(row(chip_id="h200", hardware="SM90 CX7 EP8x2")) == "h200"
    assert chip_of(row(chip_id=None, hardware="SM90 CX7 EP8x2")) == GENERATIONS["SM90"]
    assert chip_of(row(chip_id=None, hardware="somewhere")) == ""


def test_an_architecture_without_a_chip_has_links_for_what_was_measured():
    # 8,192 tokens of 7,392 B to 16 (1 - (15/16)^8) ranks, 7 of 8 copies over NVLink, in the time
    # of 2 (1 - 2^-8) nodes a token at 90 GB/s: DeepEP's own table
    copies, nodes = 16 * (1 - (15 / 16) ** 8) * 7 / 8, 2 * (1 - 2**-8)
    needed = copies / nodes * 90e9
    links = {chip: SHIPPED.load("chips", chip).scaleup.bandwidth for chip in ("h800", "h100")}
    assert links["h800"] < needed < links["h100"]


def test_links_and_cards_are_those_of_the_row():
    network = lowered().network
    assert network.domain[0] == 8
    assert network.bandwidth[0] == pytest.approx(162e9)  # 0.81 of 200 GB/s
    assert 0.85 * 50e9 < network.bandwidth[1] <= 50e9  # one card of 400 Gb/s
    assert lowered(chip_id="gb200").network.domain[0] == 72
    assert SHIPPED.machine(SITE, [f"fabric={FABRIC}"]).fabric.name == "NDR rail-optimised, 2 tiers"


def test_no_limit_lets_a_token_visit_every_domain():
    assert float(lowered().limit) == 16
    assert float(lowered(domain_limit=4).limit) == 4


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"chip_id": None}, "no chip is named"),
        ({"chip_id": "h900"}, "no node of the library has the chip h900"),
        ({"expert_parallel": 1}, "one rank alone, or nothing to send"),
        ({"tokens": 0}, "one rank alone, or nothing to send"),
    ],
)
def test_what_cannot_be_predicted_says_why(cells, reason):
    assert lower_exchange(row(**cells), SHIPPED) == reason


def test_a_time_that_was_computed_from_a_bandwidth_is_not_taken():
    assert row(measured_latency_us=77).time == pytest.approx(77e-6)
    assert row(measured_latency_us=77, derived_time=True).time is None
    assert row(measured_gb_per_s=98).bandwidth is None  # nothing says what it counts
    assert row(measured_gb_per_s=98, counted="copies").bandwidth == pytest.approx(98e9)

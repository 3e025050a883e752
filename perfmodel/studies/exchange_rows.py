"""Predictions of published exchanges of tokens between experts, beside their times."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from perfmodel.config.library import Library
from perfmodel.config.measurements import read_files
from perfmodel.config.schema.exchange_measurement import ExchangeRow
from perfmodel.engine.run import compiled
from perfmodel.lowering.published_exchange import Exchange, lower_exchange
from perfmodel.studies.judged import Judged, Judgement
from perfmodel_kernels.exchange import (
    DIRECT,
    Routing,
    all_to_all_times,
    distinct_units,
    exchange_time,
    expert_exchange_traffic,
)
from perfmodel_kernels.topology import lay

COUNTS = ("copies", "domains", "ranks")
"""What a printed bandwidth may count, in the order of :func:`counted_bytes`."""

NOTES = (
    "Nothing is fitted to these rows; links, network and the start of a collective are those that "
    "training takes.",
    "Rows that print a bandwidth alone: their time is the bytes that it counts over it.",
    "Kernels pack, send flags and unpack, which the model leaves out: small exchanges take longer.",
)


class Timed(NamedTuple):
    """What comes of an exchange."""

    time: Any
    """Completion time. [s]"""
    counted: Any
    """Bytes that a bandwidth may count, an entry per convention. [B]"""


def timed(exchange: Exchange) -> Timed:
    """Time of an exchange, and its bytes by each way of counting.

    Parameters
    ----------
    exchange
        Tokens, ranks and network.

    Returns
    -------
    Timed
        Arrays.
    """
    network, library = exchange.network, exchange.library
    reach = lay(exchange.group, network)
    routing = Routing(exchange.copies, exchange.limit, jnp.ones_like(exchange.copies))
    sent = expert_exchange_traffic(exchange.tokens, routing, reach, network)
    together = exchange_time(sent * exchange.width, exchange.group, network, library)
    one = jnp.ones_like(exchange.group.size)
    payload = one * exchange.tokens * exchange.copies * exchange.width
    alone = all_to_all_times(payload, exchange.group, network, library)[DIRECT, 0]
    time = jnp.where(exchange.forwarded > 0.5, together, alone)
    return Timed(time, counted_bytes(exchange))


def counted_bytes(exchange: Exchange) -> Any:
    """Bytes per rank that printed bandwidths count, the sender's own share among them.

    Parameters
    ----------
    exchange
        Tokens and ranks.

    Returns
    -------
    Any
        Every copy; once per domain; once per rank. [B]
    """
    reach = lay(exchange.group, exchange.network)
    ranks = exchange.group.size[0]
    domains = ranks / (reach.within[0] * reach.inner).sum()
    units = jnp.stack([
        exchange.copies,
        distinct_units(exchange.copies, domains, exchange.limit),
        distinct_units(exchange.copies, ranks, exchange.copies),
    ])  # fmt: skip
    return units * exchange.tokens * exchange.width


def judge_exchanges(files: Sequence[Path], library: Library) -> Judged:
    """Predict published dispatches and combines.

    Parameters
    ----------
    files
        CSV files of exchanges.
    library
        Configs that predict the rows.

    Returns
    -------
    Judged
        Completion times. [s]
    """
    rows = read_files(files, ExchangeRow)
    used = [row for row in rows if row.use != "exclude"]
    excluded = Counter(row.exclude_reason or "not stated" for row in rows if row.use == "exclude")
    return Judged(
        rows=_judgements(used, library),
        quantity="time of an exchange",
        unit="s",
        family="kernel",
        excluded=dict(excluded),
        notes=NOTES,
    )


def _judgements(rows: Sequence[ExchangeRow], library: Library) -> list[Judgement]:
    lowered = [lower_exchange(row, library) for row in rows]
    known = [one for one in lowered if isinstance(one, Exchange)]
    found = iter(_all_timed(known))
    return [
        _judgement(row, next(found) if isinstance(one, Exchange) else one)
        for row, one in zip(rows, lowered, strict=True)
    ]


def _all_timed(exchanges: Sequence[Exchange]) -> list[Timed]:
    """Times of many exchanges, one program for all."""
    if not exchanges:
        return []
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves).astype(float), *exchanges)
    each: Any = jax.vmap(timed)
    time, counted = (np.asarray(part) for part in compiled(each)(stacked))
    return [Timed(float(one), many) for one, many in zip(time, counted, strict=True)]


def _judgement(row: ExchangeRow, found: Timed | str) -> Judgement:
    if isinstance(found, str):
        measured = row.time or math.nan
        return Judgement(row.id, measured, skipped=found, groups=_groups(row))
    measured = _measured(row, found)
    skipped = "" if math.isfinite(measured) else "neither a time nor what the bandwidth counts"
    return Judgement(row.id, measured, found.time, skipped, _groups(row), pair=_pair(row))


def _measured(row: ExchangeRow, found: Timed) -> float:
    """Time as printed, else from the printed bandwidth. [s]."""
    if row.time:
        return row.time
    if row.counted and row.bandwidth:
        return float(found.counted[COUNTS.index(row.counted)]) / row.bandwidth
    return math.nan


def _pair(row: ExchangeRow) -> tuple[str, str, str]:
    """Rows of one kernel on one machine, which its ranks put in order."""
    return row.hardware, row.kind, row.direction


def _groups(row: ExchangeRow) -> dict[str, str]:
    return {
        "kernel": re.split(r",? (?:dispatch|combine)", row.kind)[0],
        "kind": row.kind,
        "ranks": f"EP {row.expert_parallel}",
        "hardware": row.hardware,
        "direction": f"{row.direction}, {row.mode}",
    }

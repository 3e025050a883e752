"""Published exchanges of tokens between experts to machines and numbers, by stated rules."""

from typing import NamedTuple

import numpy as np

from perfmodel.config.library import Library as Configs
from perfmodel.config.schema.exchange_measurement import ExchangeRow
from perfmodel.lowering.fabric import lower_network
from perfmodel.lowering.stack import lower_library
from perfmodel_kernels._typing import Scalar
from perfmodel_kernels.collectives import Library
from perfmodel_kernels.topology import Groups, Network

SITE = "eos"
"""Site whose nodes and fabric are replaced by those of a row."""

FABRIC = "ndr-rail-2tier"
"""Network of every row: ConnectX-7 on InfiniBand, where a row leaves its domain at all."""

STACK = "megatron-core-2025"
"""Software whose start of a collective an exchange takes; DeepEP's own is not in the library."""

GENERATIONS = {"SM90": "h100", "SM100": "b200"}
"""Chip of rows that name an architecture alone. SM90 is no H800: the printed time of EP 8x2 puts
8,192 tokens, 7 of 8 copies to 6.5 ranks each, at 255 GB/s over its 200 GB/s of NVLink."""


class Exchange(NamedTuple):
    """One exchange as the kernels take it."""

    tokens: Scalar
    """Tokens of one rank."""
    width: Scalar
    """Of a token. [B]"""
    copies: Scalar
    """Experts that a token visits."""
    limit: Scalar
    """Most domains that it visits."""
    forwarded: Scalar
    """1 where a domain multiplies what it receives, else 0."""
    group: Groups
    """The ranks, an axis of one call."""
    network: Network
    """The levels."""
    library: Library
    """The software."""


def chip_of(row: ExchangeRow) -> str:
    """Chip of a row: the one that it names, else that of its architecture; empty for neither."""
    if row.chip_id:
        return row.chip_id
    words = row.hardware.split()
    return next((chip for name, chip in GENERATIONS.items() if name in words), "")


def node_of(chip: str, configs: Configs) -> str:
    """First node of the library, by name, that has a chip; empty where none has."""
    names = (name for name in configs.names("nodes") if configs.load("nodes", name).chip == chip)
    return next(names, "")


def lower_exchange(row: ExchangeRow, configs: Configs) -> Exchange | str:
    """What stands for a row.

    Parameters
    ----------
    row
        The row.
    configs
        Chips, nodes, fabric and software.

    Returns
    -------
    Exchange | str
        The exchange, or why there is none.
    """
    chip = chip_of(row)
    if not chip:
        return "no chip is named"
    node = node_of(chip, configs)
    if not node:
        return f"no node of the library has the chip {chip}"
    if row.expert_parallel < 2 or not (row.tokens and row.copies and row.token_bytes):
        return "one rank alone, or nothing to send"
    overrides = (f"node={node}", f"fabric={FABRIC}")
    platform = configs.platform(SITE, stack=STACK, overrides=overrides)
    limit = row.domain_limit or row.expert_parallel
    return Exchange(
        tokens=float(row.tokens),
        width=row.token_bytes,
        copies=float(row.copies),
        limit=float(limit),
        forwarded=float(row.mode == "forwarded"),
        group=Groups(np.array([float(row.expert_parallel)]), np.array([1.0])),
        network=lower_network(platform.machine),
        # multiprocessors of the chip issue the messages, not the host's proxy
        library=lower_library(platform.stack.collectives)._replace(message=0.0),
    )

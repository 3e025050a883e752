"""The verb `network`: how long a collective takes on a fabric, and where the time goes."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def network(
    fabric: str,
    *overrides: str,
    collective: Literal["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "send"],
    ranks: str,
    size: str,
    stride: int = 1,
    algorithm: str | None = None,
    chip: str | None = None,
    node: str | None = None,
    site: str | None = None,
    partition: int = 0,
    stack: str | None = None,
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Time a collective on a fabric: bus bandwidth, algorithm, and the part of each level.

    Parameters
    ----------
    fabric
        Name of a fabric, or of a site that has one. For a fabric alone, chip and node are those of
        the first site that uses it.
    overrides
        Changes such as fabric.level.core.oversubscription=3 node.nic_bandwidth="800 Gb/s".
    collective
        What the ranks do; a send goes from the first rank to the last.
    ranks
        How many take part: 8,64,512 or 8..98304, which doubles, or 8..98304:4, times four.
    size
        Payload with its unit: 1MB,1GB or 1kB..16GB. What every rank holds of an all-reduce, the
        gathered output of an all-gather, the full input of a reduce-scatter, what one rank sends in
        an all-to-all.
    stride
        Distance between neighbouring ranks, in chips.
    algorithm
        The one to use, whether or not the software has it; otherwise the fastest that it has.
    chip
        Chip in place of the node's.
    node
        Node that hangs on the fabric.
    site
        Site that lends chip and node, and whose chips are all there are.
    partition
        Which partition of that site, counted from 0.
    stack
        Software in place of the partition's.
    out
        Folder for network.parquet, the other tables and the figures.
    format
        A table for people, JSON with a stable schema, or CSV.
    device
        Where the kernels run.
    configs
        Folders with configs of your own, looked at before the shipped ones.
    """
    started = time.perf_counter()
    from perfmodel.commands.collectives import Delivery, deliver
    from perfmodel.config.library import Library
    from perfmodel.studies.network_question import Asked, ask

    asked = Asked(
        fabric, collective, ranks, size, stride, algorithm, chip, node, site, stack, partition,
        overrides,
    )  # fmt: skip
    question = ask(asked, Library(configs or ()))
    return deliver(question, Delivery(out, format, device, started))

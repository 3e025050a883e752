"""The verb `network`: what a fabric makes of a collective, or of flows that share its links."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def network(
    fabric: str,
    *overrides: str,
    collective: Literal["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "send"]
    | None = None,
    ranks: str | None = None,
    size: str | None = None,
    stride: int = 1,
    algorithm: str | None = None,
    chip: str | None = None,
    node: str | None = None,
    site: str | None = None,
    partition: int = 0,
    stack: str | None = None,
    pattern: str = "permutation",
    hosts: int | None = None,
    subflows: int | None = None,
    routing: Literal["ecmp", "static", "spray", "adaptive", "minimal", "valiant"] | None = None,
    failed_links: float = 0.0,
    slow_links: float = 0.0,
    seed: int = 0,
    jobs: int = 8,
    degrees: str | None = None,
    black_hole: bool = False,
    check: bool = False,
    out: Path | None = None,
    format: Literal["table", "json", "csv"] = "table",
    device: Literal["auto", "cpu", "gpu", "tpu"] = "auto",
    configs: Annotated[list[Path] | None, Parameter(negative=())] = None,
) -> int:
    """Time a collective on a fabric, or share out its links among flows.

    With --collective: bus bandwidth, algorithm, and the part of each level, in closed form.
    Without: every flow of a traffic pattern on every link, max-min fair.

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
        an all-to-all. Of a pattern: what each pair sends, for the time it takes.
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
    pattern
        Who sends to whom: permutation, node-permutation, leaf-shift, pod-shift, ring, rail-ring,
        doubling, pairwise, rail-all-to-all, all-to-all, incast, tenants or groups.
    hosts
        Chips in use; all of the site unless given.
    subflows
        Flows of one pair, each hashed on its own; as in the fabric unless given.
    routing
        Load balancing in place of that of the outermost level.
    failed_links
        Share of the cables between switches that are down.
    slow_links
        Share of them that run at a quarter of their bandwidth.
    seed
        Of the pattern, the hashes and the links that are down.
    jobs
        Jobs of the pattern tenants.
    degrees
        Ranks of the dimensions of the pattern groups, the innermost first: 8,16,64.
    black_hole
        Show the time before routing knows which links are down.
    check
        Compare the closed form with flows, level by level.
    out
        Folder for the tables as Parquet and the figures.
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
    from perfmodel.studies.flow_question import FlowAsked, ask_flows
    from perfmodel.studies.network_question import Asked, ask, require

    asked = Asked(
        fabric, collective or "", ranks or "", size or "", stride, algorithm, chip, node, site,
        stack, partition, overrides,
    )  # fmt: skip
    library, delivery = Library(configs or ()), Delivery(out, format, device, started)
    if collective is not None:
        require(ranks=ranks, size=size)
        return deliver(ask(asked, library), delivery)
    from perfmodel.commands.flows import deliver_flows
    from perfmodel.commands.network_check import deliver_check

    flows = FlowAsked(
        pattern, hosts, subflows, routing, failed_links, slow_links, seed, jobs, degrees, size,
        black_hole,
    )  # fmt: skip
    question = ask_flows(asked, flows, library)
    return (deliver_check if check else deliver_flows)(question, delivery)

"""Textbook progressive filling in NumPy, one bottleneck at a time, and graphs to try it on."""

import numpy as np
from hypothesis import strategies as st

from perfmodel_kernels.flows import Flows


def progressive_filling(flows: Flows) -> np.ndarray:
    """Rates of D. Bertsekas and R. Gallager, "Data Networks", section 6.5.2, in exact order."""
    capacity = np.asarray(flows.capacity, float).copy()
    weight, limit = np.asarray(flows.weight, float), np.asarray(flows.limit, float)
    crosses = [[link for link in row if link < len(capacity)] for row in np.asarray(flows.route)]
    rate, open_flows = np.zeros(len(weight)), set(np.flatnonzero(weight > 0.0).tolist())
    open_flows = {f for f in open_flows if crosses[f] or np.isfinite(limit[f])}
    load = [set() for _ in capacity]
    for flow in open_flows:
        for link in crosses[flow]:
            load[link].add(flow)
    while open_flows:
        levels = {
            link: capacity[link] / sum(weight[f] for f in members)
            for link, members in enumerate(load)
            if members
        }
        own = {f: limit[f] / weight[f] for f in open_flows}
        level = min([*levels.values(), *own.values()])
        fixed = {f for f in open_flows if own[f] <= level}
        for link, offer in levels.items():
            if offer <= level:
                fixed |= load[link]
        for flow in fixed:
            rate[flow] = level * weight[flow]
            for link in crosses[flow]:
                load[link].discard(flow)
                capacity[link] = max(capacity[link] - rate[flow], 0.0)
        open_flows -= fixed
    return rate


def smallest_capacity(flows: Flows) -> np.ndarray:
    """Least of the links and the limit of each flow, one where it crosses none that is up."""
    every = np.append(np.asarray(flows.capacity, float), np.inf)
    least = np.minimum(every[np.asarray(flows.route)].min(1), flows.limit)
    return np.where(np.isfinite(least) & (least > 0.0), least, 1.0)


@st.composite
def graphs(draw: st.DrawFn) -> Flows:
    """Weighted flows over a few links, some down, some with a limit, of one shape for all."""
    seed = draw(st.integers(0, 2**32 - 1))
    links, flows = draw(st.integers(1, 24)), draw(st.integers(1, 64))
    random = np.random.default_rng(seed)
    capacity = np.full(24, 1.0)
    capacity[:links] = random.choice([0.0, 1.0, 2.0, 10.0], links, p=[0.05, 0.45, 0.3, 0.2])
    capacity *= random.choice([1.0, 1e10]) * np.where(random.random(24) < 0.5, 1.0, 0.97)
    route = np.full((64, 5), 24, np.int32)
    for flow in range(flows):
        hops = random.integers(0, min(links, 5) + 1)
        route[flow, :hops] = random.permutation(links)[:hops]
    weight = np.zeros(64)
    weight[:flows] = random.choice([1.0, 0.1, 3.0, random.uniform(0.01, 10.0)], flows)
    limit = np.where(random.random(64) < 0.2, random.uniform(0.0, 1.0, 64), np.inf)
    return Flows(capacity, route, weight, limit * capacity.max())


def padded(flows: Flows) -> Flows:
    """The same in the shape of :func:`graphs`, so that one program serves all."""
    links, (count, hops) = len(flows.capacity), flows.route.shape
    route = np.full((64, 5), 24, np.int32)
    route[:count, :hops] = np.where(flows.route < links, flows.route, 24)
    more = 64 - count
    return Flows(
        np.pad(flows.capacity, (0, 24 - links), constant_values=1.0),
        route,
        np.pad(flows.weight, (0, more)),
        np.pad(flows.limit, (0, more), constant_values=np.inf),
    )


def in_single(flows: Flows) -> Flows:
    """The same in single precision."""
    return Flows(
        *(np.asarray(part, np.int32 if part is flows.route else np.float32) for part in flows)
    )

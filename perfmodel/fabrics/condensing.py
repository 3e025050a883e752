"""A smaller instance with the same rates: links that one flow alone crosses become its limit."""

import numpy as np

from perfmodel_kernels.flows import Flows


def condensed(flows: Flows) -> Flows:
    """Leaves out links that nothing crosses, and turns those that one flow crosses into its limit.

    Of the links that a permutation of 100,000 chips crosses in a fat tree, one in six is shared.

    Parameters
    ----------
    flows
        Flows over all links.

    Returns
    -------
    Flows
        The same flows over the links that two or more of them cross.
    """
    links, route = len(flows.capacity), np.asarray(flows.route)
    crossed = np.bincount(route.ravel(), minlength=links + 1)[: links + 1]
    crossed[links] = 0
    shared = crossed > 1
    count = max(int(shared.sum()), 1)  # one that nothing crosses, where none is shared
    number = np.full(links + 1, count, np.int32)
    number[shared] = np.arange(shared.sum(), dtype=np.int32)
    every = np.append(flows.capacity, np.inf)
    alone = np.where(crossed == 1, every, np.inf)
    limit, columns = np.array(flows.limit), []
    for hop in np.ascontiguousarray(route.T):
        np.minimum(limit, alone.take(hop), out=limit)
        column = number.take(hop)
        if column.min(initial=count) < count:
            columns.append(column)
    fewer = np.stack(columns, 1) if columns else np.full((len(route), 1), count, np.int32)
    return Flows(every[shared] if shared.any() else np.ones(1), fewer, flows.weight, limit)


def sized(flows: Flows, links: int, count: int, hops: int) -> Flows:
    """The same flows in larger arrays, so that instances of nearly one size share a program.

    Parameters
    ----------
    flows
        Flows.
    links, count, hops
        Sizes of the arrays; what is added carries nothing.

    Returns
    -------
    Flows
        Padded flows.
    """
    own, (rows, columns) = len(flows.capacity), np.shape(flows.route)
    route = np.full((count, hops), links, np.int32)
    inner = route[:rows, :columns]
    np.copyto(inner, flows.route)
    inner[inner == own] = links
    return Flows(
        np.pad(flows.capacity, (0, links - own)),
        route,
        np.pad(flows.weight, (0, count - rows)),
        np.pad(flows.limit, (0, count - rows), constant_values=np.inf),
    )


def roomy(size: int) -> int:
    """The next size of which there are four between powers of two.

    Parameters
    ----------
    size
        Size of an array.

    Returns
    -------
    int
        The same or up to a quarter more.
    """
    step = 1 << max(size.bit_length() - 3, 4)
    return max(-(-size // step) * step, step)

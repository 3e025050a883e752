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
    count = int(shared.sum())
    number = np.full(links + 1, count, np.int32)
    number[shared] = np.arange(count, dtype=np.int32)
    every = np.append(flows.capacity, np.inf)
    alone = np.where(crossed == 1, every, np.inf)
    limit, columns = np.asarray(flows.limit), []
    for hop in route.T:
        limit = np.minimum(limit, alone[hop])
        column = number[hop]
        if (column < count).any():
            columns.append(column)
    fewer = np.stack(columns, 1) if columns else np.full((len(route), 1), count, np.int32)
    return Flows(every[shared] if count else np.ones(1), _named(fewer, count), flows.weight, limit)


def _named(route: np.ndarray, count: int) -> np.ndarray:
    """Routes over one link that nothing crosses, where no link is shared."""
    return route if count else route + 1


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
    route[:rows, :columns] = np.where(np.asarray(flows.route) < own, flows.route, links)
    return Flows(
        np.pad(flows.capacity, (0, links - own)),
        route,
        np.pad(flows.weight, (0, count - rows)),
        np.pad(flows.limit, (0, count - rows), constant_values=np.inf),
    )


def roomy(size: int) -> int:
    """The next size of which there are eight between powers of two.

    Parameters
    ----------
    size
        Size of an array.

    Returns
    -------
    int
        The same or up to an eighth more.
    """
    step = max(1 << (max(size, 1).bit_length() - 4), 1)
    return max(-(-size // step) * step, 16)

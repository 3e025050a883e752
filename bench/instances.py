"""The instance that simulators of flows are timed on: a permutation on a three-tier Clos."""

import numpy as np

from perfmodel.fabrics import clos, traffic
from perfmodel.fabrics.links import Wear, table
from perfmodel.fabrics.routing import Rule, repeated
from perfmodel_kernels.flows import Flows

TIERS = (
    clos.Tier("leaf", 32, 1, 50e9),
    clos.Tier("pod", 1024, 32, 50e9),
    clos.Tier("core", 1 << 40, 32, 50e9),
)
"""32 hosts a leaf, 32 leaves a pod, 32 aggregation switches a pod, 32 cores behind each."""

UNEVEN = Wear(slow=0.01, jitter=0.05)
"""Capacities within 5 % and one slow link in a hundred."""


def permutation(
    hosts: int, wear: Wear, sub_flows: int = 1, seed: int = 0
) -> tuple[Flows, np.ndarray, np.ndarray]:
    """A random permutation by hashed routes.

    Parameters
    ----------
    hosts
        Hosts, of 50 GB/s each.
    wear
        State of the cables between switches.
    sub_flows
        Flows of each pair.
    seed
        Of permutation and hashes.

    Returns
    -------
    tuple
        Flows; source and target of each.
    """
    tree, kinds = clos.build(TIERS, hosts, 1, wear)
    links = table(kinds)
    pairs = traffic.permutation(hosts, np.random.default_rng(seed))
    flows, _, key = repeated(pairs, sub_flows)
    hops = clos.climb(tree, flows, Rule("ecmp", sub_flows, seed), key)
    route = np.where(hops == -1, np.int32(len(links.capacity)), hops)
    endless = np.full(len(flows.weight), np.inf)
    return Flows(links.capacity, route, flows.weight, endless), flows.source, flows.target

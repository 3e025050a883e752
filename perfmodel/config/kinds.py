"""The kinds of config: the folder of each and the schema of its files."""

from perfmodel.config.schema._model import Named
from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.costs import Costs
from perfmodel.config.schema.fabric import Fabric
from perfmodel.config.schema.model import Model
from perfmodel.config.schema.node import Node
from perfmodel.config.schema.programme import Programme
from perfmodel.config.schema.reliability import Reliability
from perfmodel.config.schema.scaling import Scaling
from perfmodel.config.schema.site import Site
from perfmodel.config.schema.stack import Stack
from perfmodel.config.schema.storage import Storage
from perfmodel.config.schema.sweep import Sweep
from perfmodel.config.schema.workload import Workload

KINDS: dict[str, type[Named]] = {
    "chips": Chip,
    "nodes": Node,
    "fabrics": Fabric,
    "sites": Site,
    "models": Model,
    "workloads": Workload,
    "stacks": Stack,
    "storage": Storage,
    "reliability": Reliability,
    "costs": Costs,
    "programmes": Programme,
    "sweeps": Sweep,
    "scaling": Scaling,
}
"""Folder to schema; a new kind is one line here."""

NOUNS = {kind.removesuffix("s"): kind for kind in KINDS}
"""What one config of a kind is called, to its kind."""

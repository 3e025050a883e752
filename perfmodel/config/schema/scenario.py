"""One machine, one job and one software stack: all that a prediction needs."""

from perfmodel.config.schema._model import Config, Count
from perfmodel.config.schema.chip import Chip
from perfmodel.config.schema.fabric import Fabric
from perfmodel.config.schema.model import Model
from perfmodel.config.schema.node import Node
from perfmodel.config.schema.site import Facility, Site
from perfmodel.config.schema.stack import Stack
from perfmodel.config.schema.workload import Layout, Workload


class Machine(Config):
    """One partition of a site with everything it names resolved."""

    site: Site
    """The site that it belongs to."""
    chips: Count
    """Chips of the partition."""
    chip: Chip
    node: Node
    fabric: Fabric
    facility: Facility


class Platform(Config):
    """A machine and the software that runs on it, without a job."""

    machine: Machine
    stack: Stack


class Scenario(Config):
    """What is asked: this job, on this machine, with this software."""

    machine: Machine
    model: Model
    workload: Workload
    stack: Stack
    layout: Layout | None = None
    """A named layout; none means the best one."""

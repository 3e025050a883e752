"""The file system that holds checkpoints, as one job sees it."""

from perfmodel.config.schema._model import Bandwidth, Fraction, Named


class Storage(Named):
    """Where checkpoints go."""

    write_bandwidth: Bandwidth
    """Of the whole job, sustained. [B/s]"""
    read_bandwidth: Bandwidth
    """Of the whole job, sustained. [B/s]"""
    readers: Fraction
    """Share of the data-parallel replicas that read weights themselves at a restart; the others
    receive them over the network."""

"""Nodes as their message-passing software uses them, one table per system."""

from typing import Annotated

from pydantic import Field

from perfmodel.config.schema._model import Bandwidth, Bytes, Config, Positive, Seconds

Factor = Annotated[float, Field(ge=1.0, le=100.0)]
"""How many times as long something takes."""


class BusyRun(Config):
    """Runs of a benchmark in which every message took longer."""

    run: str
    """Beginning of the name of such a run."""
    factor: Factor
    """Latencies of such a run over those of others."""


class MessageHost(Config):
    """Nodes of one system, buffers in host memory."""

    launch: Seconds
    """Start of one collective. [s]"""
    issue: Seconds
    """Time to issue one of many messages under way. [s]"""
    latency: Seconds
    """Step between neighbours. [s]"""
    apart: Factor
    """Step between ranks far apart over one between neighbours."""
    rendezvous: Seconds
    """Added to a step whose message waits for its receiver. [s]"""
    eager: Bytes
    """Message above which it does. [B]"""
    bandwidth: Bandwidth
    """Of a node and direction. [B/s]"""
    spread: Positive
    """Spread of the flows between ranks far apart, over their mean."""
    cached_rate: Bandwidth
    """Reduction of payloads within the cache. [B/s]"""
    memory_rate: Bandwidth
    """Reduction and copies of payloads far beyond it. [B/s]"""
    cache: Bytes
    """Payload at which half of the excess is paid. [B]"""
    busy: BusyRun | None = None
    """Runs with longer latencies; none unless stated."""

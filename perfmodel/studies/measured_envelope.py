"""Where training runs were measured: chips, software, scales, lengths of sequences."""

from collections.abc import Sequence
from typing import NamedTuple

from perfmodel.config.library import Library
from perfmodel.config.schema.intervals import Envelope
from perfmodel.lowering.published_run import Run


class Job(NamedTuple):
    """What decides whether a run like it was measured."""

    chip: str
    """Its name."""
    stack: str
    """Name of the software."""
    experts: bool
    chips: int
    sequence_length: int
    """[token]"""


def job_of(run: Run, library: Library) -> Job:
    """A published run as a job.

    Parameters
    ----------
    run
        The row as it is read.
    library
        Configs that its names stand for.

    Returns
    -------
    Job
        What stands for it.
    """
    return Job(
        chip=library.load("chips", run.parts.chip).name,
        stack=library.load("stacks", run.stack).name,
        experts=run.model.experts is not None,
        chips=int(run.row.chips or 1),
        sequence_length=int(run.row.seq_len or 1),
    )


def envelope_of(jobs: Sequence[Job]) -> Envelope:
    """What some runs cover.

    Parameters
    ----------
    jobs
        Runs that a fit was held to.

    Returns
    -------
    Envelope
        Names in the order of the alphabet, and the largest of each figure.
    """

    def most(experts: bool) -> int:
        return max((job.chips for job in jobs if job.experts == experts), default=1)

    return Envelope(
        chips=tuple(sorted({job.chip for job in jobs})),
        stacks=tuple(sorted({job.stack for job in jobs})),
        dense_chips=most(False),
        expert_chips=most(True),
        sequence_length=max((job.sequence_length for job in jobs), default=1),
    )


def unmeasured(job: Job, known: Envelope) -> list[str]:
    """What of a job no run that was measured comes near.

    Parameters
    ----------
    job
        The job.
    known
        What the runs cover.

    Returns
    -------
    list[str]
        Words for a reader; empty within the envelope.
    """
    most = known.expert_chips if job.experts else known.dense_chips
    kind = "experts" if job.experts else "dense models"
    said = {
        f"chip {job.chip}": job.chip not in known.chips,
        f"software {job.stack}": job.stack not in known.stacks,
        f"{job.chips:,} chips (runs of {kind}: to {most:,})": job.chips > most,
        f"sequences of {job.sequence_length:,} (runs: to {known.sequence_length:,})": (
            job.sequence_length > known.sequence_length
        ),
    }
    return [words for words, beyond in said.items() if beyond]

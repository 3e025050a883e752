"""A whole training run: its loss, its size for a budget, what a larger batch costs, its time."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from perfmodel_kernels._typing import Real, Scalar

ROUNDS = 24
"""Rounds of a fixed point that contracts to less than a half each: to 1e-7."""


ROOT_TWO = 2.0**0.5
"""Deviation of a standard normal variable over the argument of its error function."""


class LossLaw(NamedTuple):
    """Loss over parameters and tokens, fitted to many runs."""

    irreducible: Scalar
    """Loss that no size removes. [nat]"""
    parameter_scale: Scalar
    token_scale: Scalar
    parameter_exponent: Scalar
    token_exponent: Scalar


class BatchLaw(NamedTuple):
    """Critical batch over the length of a run, as a lognormal variable."""

    median: Scalar
    """Its median in a run of :attr:`tokens`. [token]"""
    tokens: Scalar
    """Length of that run. [token]"""
    exponent: Scalar
    """Power of the length with which it grows."""
    factor: Scalar
    """One standard deviation up or down, as a factor."""


class Budget(NamedTuple):
    """What a machine processes in a time, and how."""

    pairs: Scalar
    """Logarithm of parameters times tokens, from :func:`log_budget`."""
    batch: Scalar
    """Batch. [token]"""
    probability: Scalar
    """Quantile of the critical batch."""


class Trained(NamedTuple):
    """A model that takes a whole budget."""

    parameters: Real
    tokens: Real
    """Tokens that decide its loss. [token]"""
    processed: Real
    """Tokens that it takes at its batch. [token]"""
    loss: Real
    """Loss per token. [nat]"""


def loss(parameters: Scalar, tokens: Scalar, law: LossLaw) -> Real:
    r"""Loss of a trained model.

    .. math:: L = E + A N^{-\alpha} + B D^{-\beta}

    Parameters
    ----------
    parameters
        Parameters :math:`N`.
    tokens
        Tokens :math:`D`, at a batch far below the critical one. [token]
    law
        Constants.

    Returns
    -------
    Real
        Loss per token. [nat]

    References
    ----------
    Hoffmann et al., "Training Compute-Optimal Large Language Models", arXiv 2203.15556.
    Besiroglu et al., "Chinchilla Scaling: A replication attempt", arXiv 2404.10102.
    """
    size = law.parameter_scale * jnp.exp(-law.parameter_exponent * jnp.log(parameters))
    length = law.token_scale * jnp.exp(-law.token_exponent * jnp.log(tokens))
    return law.irreducible + size + length


def log_budget(flop_rate: Scalar, chips: Scalar, time: Scalar, flop: Scalar) -> Real:
    r"""Logarithm of the parameters times tokens that a machine trains.

    .. math:: \ln (N D) = \ln \frac{\Theta_m N_c t}{c}

    A logarithm, since the product itself is beyond single precision.

    Parameters
    ----------
    flop_rate
        Model FLOP per second and chip that are kept, :math:`\Theta_m`. [FLOP/s]
    chips
        Chips :math:`N_c`.
    time
        Time :math:`t`. [s]
    flop
        FLOP :math:`c` of a token and parameter. [FLOP]

    Returns
    -------
    Real
        Natural logarithm.
    """
    return jnp.log(flop_rate) + jnp.log(chips) + jnp.log(time) - jnp.log(flop)


def optimal_parameters(budget: Scalar, law: LossLaw) -> Real:
    r"""Parameters of the model with the least loss for a budget.

    .. math:: N = \left(\frac{\alpha A}{\beta B}\right)^{\frac{1}{\alpha + \beta}}
        (N D)^{\frac{\beta}{\alpha + \beta}}

    Parameters
    ----------
    budget
        Logarithm of parameters times tokens, from :func:`log_budget`.
    law
        Constants.

    Returns
    -------
    Real
        Parameters.
    """
    both = law.parameter_exponent + law.token_exponent
    return jnp.exp((_log_balance(law) + law.token_exponent * budget) / both)


def optimal_tokens(budget: Scalar, law: LossLaw) -> Real:
    r"""Tokens of the model with the least loss for a budget.

    .. math:: D = \left(\frac{\alpha A}{\beta B}\right)^{-\frac{1}{\alpha + \beta}}
        (N D)^{\frac{\alpha}{\alpha + \beta}}

    Parameters
    ----------
    budget
        Logarithm of parameters times tokens, from :func:`log_budget`.
    law
        Constants.

    Returns
    -------
    Real
        Tokens. [token]
    """
    both = law.parameter_exponent + law.token_exponent
    return jnp.exp((law.parameter_exponent * budget - _log_balance(law)) / both)


def _log_balance(law: LossLaw) -> Real:
    size = jnp.log(law.parameter_exponent * law.parameter_scale)
    return size - jnp.log(law.token_exponent * law.token_scale)


def critical_batch(tokens: Scalar, law: BatchLaw) -> Real:
    r"""Median critical batch of a run.

    .. math:: B_c = B_0 \left(\frac{D}{D_0}\right)^\gamma

    Parameters
    ----------
    tokens
        Length :math:`D` of the run. [token]
    law
        :math:`B_0`, :math:`D_0`, :math:`\gamma`.

    Returns
    -------
    Real
        Batch. [token]

    References
    ----------
    Zhang et al., "How Does Critical Batch Size Scale in Pre-training?", arXiv 2410.21676.
    """
    return law.median * jnp.exp(law.exponent * (jnp.log(tokens) - jnp.log(law.tokens)))


def critical_batch_quantile(median: Scalar, factor: Scalar, probability: Scalar) -> Real:
    r"""Critical batch that the true one does not pass with a probability.

    .. math:: B_q = B_c\, \phi^{\Phi^{-1}(q)}

    Parameters
    ----------
    median
        Median :math:`B_c`. [token]
    factor
        One standard deviation :math:`\phi` of the lognormal variable, as a factor.
    probability
        Probability :math:`q`, above 0 and below 1.

    Returns
    -------
    Real
        Batch. [token]
    """
    deviations = ROOT_TWO * lax.erf_inv(2.0 * jnp.asarray(probability) - 1.0)
    return median * jnp.exp(jnp.log(factor) * deviations)


def token_factor(batch: Scalar, critical: Scalar) -> Real:
    r"""Tokens to a fixed loss over those of a small batch.

    .. math:: \frac{D(B)}{D(0)} = 1 + \frac{B}{B_c}

    Parameters
    ----------
    batch
        Batch :math:`B`. [token]
    critical
        Critical batch :math:`B_c`. [token]

    Returns
    -------
    Real
        Ratio.

    References
    ----------
    McCandlish et al., "An Empirical Model of Large-Batch Training", arXiv 1812.06162.
    """
    return 1.0 + batch / critical


def fixed_loss_speed_up(growth: Scalar, batch: Scalar, critical: Scalar) -> Real:
    r"""How much sooner a loss is reached with a batch and a throughput that are larger alike.

    .. math:: s = k \frac{1 + B_1 / B_c}{1 + k B_1 / B_c}

    Parameters
    ----------
    growth
        Factor :math:`k` on batch and throughput.
    batch
        Batch :math:`B_1` before. [token]
    critical
        Critical batch :math:`B_c`. [token]

    Returns
    -------
    Real
        Speed-up, at most :math:`1 + B_c / B_1`.
    """
    return growth * token_factor(batch, critical) / token_factor(growth * batch, critical)


def training_time(tokens: Scalar, chips: Scalar, chip_rate: Scalar, useful: Scalar) -> Real:
    r"""Time that a run takes.

    .. math:: t = \frac{D}{N_c\, \theta\, U}

    Parameters
    ----------
    tokens
        Tokens :math:`D` that it trains. [token]
    chips
        Chips :math:`N_c` in use.
    chip_rate
        Tokens per second and chip :math:`\theta`. [1/s]
    useful
        Share :math:`U` of the time that becomes work.

    Returns
    -------
    Real
        Time. [s]
    """
    return tokens / chips / chip_rate / useful


def largest_run(budget: Budget, law: LossLaw, batches: BatchLaw) -> Trained:
    r"""Model with the least loss that a budget trains at one batch.

    Of the budget a share is spent on the batch, which depends on the critical one and so on the
    length of the run itself:

    .. math:: \ln (N D) = \ln (N D)_0 - \ln \left(1 + \frac{B}{B_q(D)}\right)

    A longer run has a larger critical batch, so that the best model is a little smaller than
    without: :math:`A` counts as :math:`A (1 - \gamma \frac{B}{B + B_q})` in
    :func:`optimal_parameters` and :func:`optimal_tokens`.

    Parameters
    ----------
    budget
        The machine over the time, :math:`\ln (N D)_0`, batch :math:`B` and quantile :math:`q`.
    law, batches
        Laws of the loss and of the critical batch.

    Returns
    -------
    Trained
        Parameters, tokens, loss.
    """

    def best(left: Scalar, factor: Scalar) -> tuple[Real, Real]:
        paid = 1.0 - batches.exponent * (1.0 - 1.0 / factor)
        tilted = law._replace(parameter_scale=law.parameter_scale * paid)
        return optimal_parameters(left, tilted), optimal_tokens(left, tilted)

    left, factor = _spent(budget, batches, lambda left, factor: best(left, factor)[1])
    parameters, tokens = best(left, factor)
    return Trained(parameters, tokens, tokens * factor, loss(parameters, tokens, law))


def sized_run(parameters: Scalar, budget: Budget, law: LossLaw, batches: BatchLaw) -> Trained:
    r"""Model of a given size that a budget trains at one batch.

    As :func:`largest_run` with :math:`D = e^{\ln (N D)} / N`.

    Parameters
    ----------
    parameters
        Parameters :math:`N`.
    budget
        The machine over the time.
    law, batches
        Laws of the loss and of the critical batch.

    Returns
    -------
    Trained
        Parameters, tokens, loss.
    """
    size = jnp.asarray(parameters) + 0.0
    left, factor = _spent(budget, batches, lambda left, _: jnp.exp(left - jnp.log(size)))
    tokens = jnp.exp(left - jnp.log(size))
    return Trained(size, tokens, tokens * factor, loss(size, tokens, law))


def _spent(
    budget: Budget, batches: BatchLaw, length: Callable[[Scalar, Scalar], Real]
) -> tuple[Real, Real]:
    """Logarithm of parameters times tokens that decide the loss, and what the batch takes.

    Both come from a fixed point over the length of the run, which follows from them.
    """

    def again(_: int, known: tuple[Real, Real]) -> tuple[Real, Real]:
        typical = critical_batch(length(*known), batches)
        critical = critical_batch_quantile(typical, batches.factor, budget.probability)
        factor = token_factor(budget.batch, critical)
        return budget.pairs - jnp.log(factor), factor

    pairs = jnp.asarray(budget.pairs) + 0.0
    return lax.fori_loop(0, ROUNDS, again, (pairs, jnp.ones_like(pairs)))

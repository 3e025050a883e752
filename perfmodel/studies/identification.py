"""What data say of fitted parameters: covariance, and the share of each group of data in it.

Coordinates are in units of the prior's spread, so that the prior's information is the identity:
whatever the data are, the sum of both has an inverse, and no direction is lost to rounding.
"""

from collections.abc import Sequence

import numpy as np

PRIOR = "prior"
"""Name of the prior among the groups of data that identify a parameter."""

LEAST_RATIO = 1e-9
"""Noise ratio of data that a model meets exactly: standard errors stay above zero."""


def noise_ratio(residual: np.ndarray, freedom: float) -> float:
    r"""Spread of the residuals over the noise that was expected.

    .. math:: s = \sqrt{\sum_i r_i^2 / \nu}

    Parameters
    ----------
    residual
        In units of the expected noise.
    freedom
        Independent rows less fitted parameters; where none is left, the expectation stands.

    Returns
    -------
    float
        Above 1 where the model or the measurements are worse than expected.
    """
    if freedom <= 0.0:
        return 1.0
    return max(float(np.sqrt((residual**2).sum() / freedom)), LEAST_RATIO)


def covariance_of(rows: np.ndarray, free: np.ndarray) -> np.ndarray:
    r"""Inverse of the information of data and prior; nothing is left to vary at a bound.

    .. math:: C = (J^T J + I)^{-1}

    Parameters
    ----------
    rows
        Derivatives of the residuals; axes: row, parameter.
    free
        Whether a parameter lies on no bound.

    Returns
    -------
    np.ndarray
        Covariance, zero for a parameter on a bound.
    """
    covariance = np.zeros((free.size, free.size))
    part = rows[:, free]
    covariance[np.ix_(free, free)] = np.linalg.inv(part.T @ part + np.eye(part.shape[1]))
    return covariance


def information_shares(rows: np.ndarray, groups: Sequence[str]) -> dict[str, np.ndarray]:
    r"""Share of each parameter's information by group, the other parameters being held.

    .. math:: f_{gk} = \frac{\sum_{i \in g} J_{ik}^2}{1 + \sum_i J_{ik}^2}

    Parameters
    ----------
    rows
        Derivatives of the residuals; axes: row, parameter.
    groups
        Group of each row.

    Returns
    -------
    dict[str, np.ndarray]
        One share per parameter by group, and the prior's; they sum to 1.
    """
    names = np.asarray(groups)
    found = {str(name): (rows[names == name] ** 2).sum(axis=0) for name in dict.fromkeys(groups)}
    found[PRIOR] = np.ones(rows.shape[1])
    total = np.sum(list(found.values()), axis=0)
    return {name: part / total for name, part in found.items()}

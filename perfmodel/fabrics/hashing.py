"""Hashes of flows, as switches spread them over equal paths."""

import numpy as np

_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_GOLDEN = 0x9E3779B97F4A7C15


def mixed(number: np.ndarray, salt: int) -> np.ndarray:
    """Scrambles numbers: the finaliser of SplitMix64.

    Parameters
    ----------
    number
        Whole numbers.
    salt
        Gives another hash of the same numbers.

    Returns
    -------
    np.ndarray
        Hashes, uniform over 64 bits.

    References
    ----------
    G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014.
    """
    value = number.astype(np.uint64)
    value += np.uint64((salt + 1) * _GOLDEN % 2**64)
    for shift, factor in _STEPS:
        value ^= value >> np.uint64(shift)
        value *= np.uint64(factor)
    value ^= value >> np.uint64(31)
    return value


def spread(number: np.ndarray, ways: int, salt: int) -> np.ndarray:
    """Hash of numbers over a few ways.

    Parameters
    ----------
    number
        Whole numbers.
    ways
        How many ways there are.
    salt
        Gives another hash of the same numbers.

    Returns
    -------
    np.ndarray
        Ways from 0.
    """
    high = (mixed(number, salt) >> np.uint64(32)) * np.uint64(ways)
    return (high >> np.uint64(32)).astype(np.int64)

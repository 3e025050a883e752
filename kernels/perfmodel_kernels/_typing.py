"""Scalar types and the names of the physical axes."""

import numpy as np
from jaxtyping import Array, Float, Int

Scalar = Float[Array, ""] | np.floating | float | int
"""A real number: traced, or a Python or NumPy number."""

Real = Scalar
"""A real number that a formula returns."""

Gemms = Float[Array, "gemm"] | Float[np.ndarray, "gemm"]
"""One value per matrix product of the layer table."""

Passes = Float[Array, "gemm #pass"] | Float[np.ndarray, "gemm #pass"]
"""One value per matrix product and pass: forward, data gradient, weight gradient."""

Elementwise = Float[Array, "elementwise"] | Float[np.ndarray, "elementwise"]
"""One value per memory-bound operator of the layer table."""

Blocks = Float[Array, "block"] | Float[np.ndarray, "block"]
"""One value per kind of block: dense layer, expert layer, prediction head, embedding, output."""

Stages = Float[Array, "stage"] | Float[np.ndarray, "stage"]
"""One value per kind of pipeline stage: first, middle, last."""

Levels = Float[Array, "level"] | Float[np.ndarray, "level"]
"""One value per level of the network, innermost first."""

Calls = Float[Array, "call"] | Float[np.ndarray, "call"]
"""One value per collective of a step."""

CallLevels = Float[Array, "call level"] | Float[np.ndarray, "call level"]
"""One value per collective and level."""

Phases = Float[Array, "phase"] | Float[np.ndarray, "phase"]
"""One value per phase class: matrix, attention, memory-bound, communication."""

PatternLevels = Float[Array, "pattern level"] | Float[np.ndarray, "pattern level"]
"""One value per traffic pattern and level: ring, exchange with a partner, all with all."""

Algorithms = Float[Array, "algorithm"] | Float[np.ndarray, "algorithm"]
"""One value per algorithm of a collective."""

AlgorithmCalls = Float[Array, "algorithm call"]
"""One value per algorithm and collective."""

PartAlgorithmCalls = Float[Array, "part algorithm call"]
"""One value per part of a network, algorithm and collective."""

PartLevels = Float[Array, "part level"] | Float[np.ndarray, "part level"]
"""One value per part of a network and level."""

Counts = Float[Array, "..."] | Scalar
"""One count or a table of them, whatever its axes."""

Times = Float[Array, "..."] | Float[np.ndarray, "..."]
"""Times of one shape, whatever their axes. [s]"""

CallStages = Float[Array, "call hop"]
"""One value per collective and stage on a resource of its own."""

Bases = Float[Array, "basis"]
"""One value per function of the number of ranks."""

Quantities = Float[Array, "quantity"]
"""One value per quantity of a message-passing method."""

Table = Float[Array, "quantity basis"] | Float[np.ndarray, "quantity basis"]
"""Coefficients of a message-passing method."""

Classes = Float[Array, "class"] | Float[np.ndarray, "class"]
"""One value per class of failure."""

Place = Int[Array, ""] | np.integer | int
"""A whole number that tells one thing from others."""

Places = Int[Array, "place"] | Int[np.ndarray, "place"]
"""Whole numbers that tell things apart."""

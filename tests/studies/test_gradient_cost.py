"""What a gradient costs, in units of what it is the gradient of."""

import jax.numpy as jnp
import numpy as np

from perfmodel.studies.gradient_cost import ratio_of_times

WIDTH = 64


def test_a_gradient_of_a_long_product_costs_a_few_times_its_value() -> None:
    matrix = np.full((WIDTH, WIDTH), 0.01, np.float32)

    def function(bias: jnp.ndarray, point: jnp.ndarray) -> jnp.ndarray:
        for _ in range(8):
            point = jnp.tanh(matrix @ point + bias)
        return point.sum()

    points = np.ones((8, WIDTH, 256), np.float32)
    assert 1.2 < ratio_of_times(function, np.zeros(WIDTH, np.float32), points) < 30.0

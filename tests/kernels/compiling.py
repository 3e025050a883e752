"""Compiles kernels in a fraction of the usual time, for programs that run a few hundred times."""

from collections.abc import Callable

import jax

QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_llvm_disable_expensive_passes": True,
}
"""A whole evaluation compiles in one second, not five."""

QUICK_FLAGS = " ".join(f"--{name}={str(value).lower()}" for name, value in QUICK.items())
"""The same for a process of its own, in `XLA_FLAGS`."""


def compiled(function: Callable) -> Callable:
    """Jit without optimisation; the values are the same to rounding."""
    return jax.jit(function, compiler_options=QUICK)

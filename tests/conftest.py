"""Strict JAX for every test: x64, no silent rank or type promotion, two CPU devices at most."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("PERFMODEL_NO_COMPILE_CACHE", "1")
os.environ["COLUMNS"] = "120"  # those who share the work among processes set another width

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

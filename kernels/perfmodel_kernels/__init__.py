"""Formulas of training throughput, interconnect and power, as pure JAX functions of one machine."""

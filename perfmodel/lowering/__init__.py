"""Lowering: from configs to the arrays that kernels take, one file per noun."""

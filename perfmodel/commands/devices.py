"""`perfmodel devices`: what jax sees."""


def devices():
    "List."

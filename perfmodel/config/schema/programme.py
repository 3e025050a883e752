"""A public programme: budgets and the sites that they are meant for."""

from perfmodel.config.schema._model import Config, Count, Money, Named, Positive


class Tier(Config):
    """Sites of one size."""

    budget: Money
    """For all of them. [EUR]"""
    sites: Count
    """How many."""
    chips: Count
    """Chips of one site."""


class Programme(Named):
    """What a programme announces."""

    total: Money
    """Public and private capital in all. [EUR]"""
    gigafactories: Tier
    factories: Tier
    ratio: Positive
    """Size of a gigafactory over that of a factory, as announced."""

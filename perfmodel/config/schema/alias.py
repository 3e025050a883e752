"""Rows of the table of spellings of chips."""

from perfmodel.config.schema.measurement import Number, Row


class AliasRow(Row):
    """One spelling of a chip."""

    alias: str
    """As a source spells it."""
    chip_id: str
    """Name in the library."""
    chips_per_unit: Number
    """Chips that one of it is: 0.5 where a source counts dies."""

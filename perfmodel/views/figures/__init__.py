"""One figure per file, each drawn from columns as they stand in a result file."""

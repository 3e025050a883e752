"""Commands: one file per verb that parses, calls and prints."""

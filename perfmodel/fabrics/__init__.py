"""Fabrics as links and routes: one file per topology kind, traffic patterns, link state."""

"""Views: figures and tables drawn from stored results, nothing computed again."""

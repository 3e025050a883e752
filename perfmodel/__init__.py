"""Performance model of large-model training sites."""

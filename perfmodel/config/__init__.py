"""Config: what users write and how it is checked."""

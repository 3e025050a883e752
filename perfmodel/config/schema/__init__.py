"""What users may write in a config, noun by noun."""

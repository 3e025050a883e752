"""Studies: questions asked of the engine, one file per question."""

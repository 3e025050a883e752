"""Results: the one table of quantities, and Parquet with units and provenance."""

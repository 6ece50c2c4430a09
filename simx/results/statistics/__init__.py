"""Every statistic, derived from raw times. Pure functions."""

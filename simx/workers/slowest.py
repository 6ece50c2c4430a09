"""The slowest machine that anybody may be thought to work on; deadlines are made for it."""

SLOWEST_GMACS = 0.5
"""1e9 multiply-accumulates a second: a quarter of what a small board does on one thread. Two cores
of a server do 20 to 100."""

SLOWEST_READING = 5e6
"""Bytes of weights a second, read, hashed by nobody, and packed: a slow network disk."""

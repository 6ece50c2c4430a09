"""Measures two targets without and with a profile, for ``simx explain``."""

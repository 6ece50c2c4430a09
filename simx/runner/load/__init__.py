"""Loads: how queries arrive at several processes, and what of it is measured."""

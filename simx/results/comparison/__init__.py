"""Compares two reports: what changed, by how much, and how certain that is. All of it is pure.

``digest`` reduces a report, ``differences`` pairs cells and finds what makes a pair incomparable,
and ``changes`` has the statistics; ``compare`` puts them together, as ``outcome``.
"""

"""Exports as jobs: planned, admitted by memory, run in workers, published."""

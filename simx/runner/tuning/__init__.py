"""Searches the fastest settings of a backbone, and confirms them on fresh processes."""

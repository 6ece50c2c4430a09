"""Renders results: tables for a terminal, Markdown, CSV, JSON and HTML.

The only room that renders. It measures and derives nothing, and trusts no string from a file.
"""

"""Renders what was measured: tables for a terminal, Markdown, CSV, JSON and HTML.

The only room that renders. It sees the report's types and what is derived from them, measures and
derives nothing itself, and trusts no string that comes from a file.
"""

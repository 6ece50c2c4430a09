"""Renders what ``simx diff`` found.

``wording`` has the words and ``content`` the tables and paragraphs that every format for people is
made of; ``formats`` turns them into each of the formats.
"""

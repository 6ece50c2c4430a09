"""Renders what ``simx diff`` found.

``wording`` has the words, ``tables`` the tables, and ``content`` puts them into the order in which
people read them; ``formats`` turns that into each of the formats.
"""

"""Two reports side by side: what changed, by how much, and whether that can be said at all.

``digest`` keeps of a report what this takes; ``matching`` pairs its cells with another's and
``differences`` says what makes a pair incomparable; ``changes`` is the statistics of one time,
``multiplicity`` that of many; ``compare`` puts the whole together, in the types of ``outcome``.
All of it is pure.
"""

"""The base of every record in a file of simx."""

import msgspec


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every record in a report: immutable, and unknown fields are refused."""

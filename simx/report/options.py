"""How a report is to be rendered."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from simx.models.ranges import Range
from simx.results.summaries.selection_criteria import SelectionCriteria

Layout = Literal["models", "origin"]
"""``models``: models are rows, quantities columns. ``origin``: the other way round."""

LAYOUTS: tuple[Layout, ...] = ("models", "origin")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the formats need to know besides the reports; each uses what concerns it.

    ``ranges`` are the GFLOPS ranges in the order of the tables, ``width`` is the terminal's in
    columns, and ``color`` says whether escape codes may be written (``NO_COLOR`` still wins).
    With ``pareto``, the Pareto front of the backbones is shown; ``criteria`` gives the executors
    and the limits. A format with room for both shows both anyway.
    """

    ranges: Sequence[Range]
    width: int
    layout: Layout = "models"
    color: bool = False
    pareto: bool = False
    criteria: SelectionCriteria = SelectionCriteria()

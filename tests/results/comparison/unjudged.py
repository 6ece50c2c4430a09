"""Every kind of cell that has no verdict, as a pair for the tests of whatever counts them."""

from collections.abc import Mapping

import msgspec

from simx.results.comparison.digest import CellDigest
from simx.results.comparison.outcome import Comparison, Unjudged
from tests.results.builders import failed, identity, quoted
from tests.results.comparison.builders import LATER, cell, compared, digest

NAME = "vgg11"

_FAILED = CellDigest(cell=failed(identity(NAME)), times=())
_ONE_LAUNCH = msgspec.structs.replace(
    cell(NAME),
    times=tuple(
        msgspec.structs.replace(time, logs={0: time.logs[0]}, spread=None)
        for time in cell(NAME).times
    ),
)
_WITHOUT_FORWARD = msgspec.structs.replace(cell(NAME), times=())

PAIRS: Mapping[Unjudged, tuple[CellDigest | None, CellDigest | None]] = {
    "undecided": (cell(NAME), cell(NAME, 57.5)),
    "disturbed": (cell(NAME), msgspec.structs.replace(cell(NAME), noisy=True)),
    "on a busy machine": (
        cell(NAME),
        msgspec.structs.replace(cell(NAME), times=(), noisy=True, busy=True),
    ),
    "with too few launches": (cell(NAME), _ONE_LAUNCH),
    "published": (CellDigest(cell=quoted(identity(NAME)), times=()), cell(NAME)),
    "without forward in base": (_WITHOUT_FORWARD, cell(NAME)),
    "without forward in new": (cell(NAME), _WITHOUT_FORWARD),
    "without forward": (_WITHOUT_FORWARD, _WITHOUT_FORWARD),
    "not comparable": (
        cell(NAME),
        cell(its=msgspec.structs.replace(identity(NAME), threads=4)),
    ),
    "failed in base": (_FAILED, cell(NAME)),
    "failed in new": (cell(NAME), _FAILED),
    "failed in both": (_FAILED, _FAILED),
    "only in base": (cell(NAME), None),
    "only in new": (None, cell(NAME)),
}
"""The cell of the base and that of the new report."""


def with_one(reason: Unjudged, *judged: CellDigest) -> Comparison:
    """Return a comparison of reports with a cell that has no verdict, and others that have one."""
    base, new = PAIRS[reason]
    allow = ("threads", "weights", "graph", "placement") if reason == "published" else ()
    return compared(
        digest(*judged, *([base] if base else [])),
        digest(*judged, *([new] if new else []), created=LATER),
        *allow,
        threshold=0.15,
    )

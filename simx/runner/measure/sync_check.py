"""Checks that a backend waits for its device: a call that returns too early is timed too short.

Pure. A fetch that does not wait either returns wrong values, which the comparison with torch's
reference detects.
"""

from collections.abc import Sequence

from simx.runner.measure.messages import CallTimes

LATE_SHARE = 0.10
"""Largest accepted part of a call's time that is spent in fetching its embedding."""

LATE_NS = 50_000
"""Extra time of a first copy, in nanoseconds, that needs no unfinished work."""

FETCH_SHARE = 0.5
"""Largest accepted fetch, relative to a timed call; above it, a third of the work is not timed."""


def unfinished_work(calls: Sequence[CallTimes]) -> str | None:
    """Describe work that ``forward`` did not wait for; None without any.

    Two fetches copy the same bytes, so the extra time of the first one is unfinished work. All
    calls must show it, because a single late fetch may have another cause.
    """
    late = min(call.fetch_ns - call.again_ns for call in calls)
    whole = min(call.whole_ns for call in calls)
    if late <= max(LATE_NS, LATE_SHARE * whole):
        return None
    return (
        f"its calls return before their results exist: {late / 1e6:.3f} ms of {whole / 1e6:.3f} ms "
        "pass only while the embedding is fetched, and would be missing from every time"
    )


def early_return(fetch_ns: int, call_ns: float) -> str | None:
    """Describe timed calls that end before their results exist; None if they do not.

    Args:
        fetch_ns: the shortest fetch right after an entry; it does the remaining work.
        call_ns: the median of the calls.
    """
    if fetch_ns <= FETCH_SHARE * call_ns:
        return None
    return (
        f"it returns before its result exists: fetching it takes {fetch_ns / 1e6:.3f} ms "
        f"after a call of {call_ns / 1e6:.3f} ms"
    )

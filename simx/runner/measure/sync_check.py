"""Whether a backend waits for its device: a call that returns too early is timed too short.

Pure; the parent judges what a worker reports, twice. Before anything is timed, an embedding is
fetched two times in a row: both fetches copy the same bytes, so what the first takes longer is work
that ``forward`` left behind; and a fetch that did not wait for it either would bring other values,
which the comparison with torch's reference shows. In a timed block, what follows an entry is one
fetch, which must be short beside a call.
"""

from collections.abc import Sequence

from simx.runner.measure.messages import CallTimes

LATE_SHARE = 0.10
"""Of a call's time that may come to light when its embedding is fetched."""

LATE_NS = 50_000
"""What a first copy may take longer than a second one by itself."""

FETCH_SHARE = 0.5
"""Of a timed call, that fetching its result may take: an embedding is copied in microseconds, and
where half as much as the call itself is left to do, a third of the work was not in it."""


def unfinished_work(calls: Sequence[CallTimes]) -> str | None:
    """Say what ``forward`` left for the fetch to wait for; None where it left nothing.

    Every one of the calls has to show it: a single late fetch may be the machine's doing.
    """
    late = min(call.fetch_ns - call.again_ns for call in calls)
    whole = min(call.whole_ns for call in calls)
    if late <= max(LATE_NS, LATE_SHARE * whole):
        return None
    return (
        f"its calls return before their results exist: {late / 1e6:.3f} ms of {whole / 1e6:.3f} ms "
        "come to light when the embedding is fetched, and would be missing in every time"
    )


def early_return(fetch_ns: int, call_ns: float) -> str | None:
    """Say that timed calls end before their results are there; None where they do not.

    What remains to be done then is done while the answer is fetched. Of an answer that is there,
    fetching is a copy of one vector at the most.

    Args:
        fetch_ns: the shortest of the fetches that followed a block's entries.
        call_ns: the median of its calls.
    """
    if fetch_ns <= FETCH_SHARE * call_ns:
        return None
    return (
        f"it returns before its result is there: fetching that takes {fetch_ns / 1e6:.3f} ms "
        f"after a call of {call_ns / 1e6:.3f} ms"
    )

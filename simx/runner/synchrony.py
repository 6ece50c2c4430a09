"""Whether a backend waits for its device: a call that returns too early is timed too short.

Pure; the parent judges what a worker reports. An embedding is fetched twice in a row. Both fetches
copy the same bytes, so what the first takes longer is work that ``forward`` left behind; and a
fetch that did not wait for it either would bring other values, which the comparison with torch's
reference shows.
"""

from collections.abc import Sequence

from simx.runner.messages import CallTimes

LATE_SHARE = 0.10
"""Of a call's time that may come to light when its embedding is fetched."""

LATE_NS = 50_000
"""What a first copy may take longer than a second one by itself."""


def left_behind(calls: Sequence[CallTimes]) -> str | None:
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

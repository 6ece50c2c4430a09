"""An explanation for Perfetto and chrome://tracing, in the Trace Event Format of Chrome.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from collections.abc import Iterator

from simx.common.safe_text import clean
from simx.report.blocks.explanation import side_names
from simx.report.formats.json import json_document
from simx.results.schema.explanation import Explanation


def chrome_trace(found: Explanation) -> str:
    """Return a typical call of each side, which is a process; times are as profiled."""
    return json_document({"displayTimeUnit": "ms", "traceEvents": list(_events(found))})


def _events(found: Explanation) -> Iterator[dict[str, object]]:
    for number, (side, name) in enumerate(zip(found.sides, side_names(found.sides), strict=True)):
        place = {"pid": number + 1, "tid": 1}
        yield {"ph": "M", "name": "process_name", "args": {"name": name}, **place}
        begin = 0.0
        for each in side.kernels:
            modules = ", ".join(clean(module) or "network" for module in each.modules)
            yield {
                "ph": "X",
                "name": f"{modules}: {clean(each.operator) or each.kind}".removeprefix(": "),
                "cat": each.kind,
                "ts": begin / 1e3,
                "dur": each.ns / 1e3,
                "args": {"numbers": clean(each.numbers), "kernels": each.count},
                **place,
            }
            begin += each.ns

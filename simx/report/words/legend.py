"""What the headings of the tables mean: once, at the end of a report."""

from simx.report.words.names import FASTEST, TIED, TIMES
from simx.results.schema.partial_placement import PARTIAL, partial_placement_in
from simx.results.schema.report import Report
from simx.results.summaries.summary import target_of

TIME_MARKS = (
    f"{FASTEST} the fastest backend, {TIED} tied with it; forward: the network alone; pipeline: "
    "from the anchor's file to its embedding"
)
"""What a short rendering explains."""

_PICTURES = (
    "positive, negative, resized: the picture that the anchor is compared with, resized being "
    "the negative at the size of the others. margin: similarity of the positive minus that of "
    "the negative, in percentage points."
)

_MEASURED = (
    "forward: the network alone, its input ready. Embedding inference time: from the file to "
    "the vector (decode, preprocess, forward). first: session creation and first call.\n"
    f"{_PICTURES}\n"
    f"{TIMES}: how many times as fast as the backend named there, forward, paired by launch and "
    "round. ±: half of the 95 % interval over launches; other figures have the digits that theirs "
    "supports (all intervals: --format csv).\n"
    "peak: the share of this machine's peak that forward achieves, the peak being that of a "
    "512 by 512 matrix product. memory: resident in a worker that has called the network once; "
    "network: without the interpreter and the runtime; device: of the device's own. nodes: where "
    "the graph's ran, by the session's own record; shape: those left on the processor that only "
    "compute shapes.\n"
    "GFLOPS, acc1 and acc5 are torchvision's published figures for the pretrained weights, not "
    "measured here; its GFLOPS count multiply-accumulates. Weights leave out IMAGENET1K_."
).split("\n")

_PARTIAL = (
    f"{PARTIAL}: the share of the graph's nodes that ran on the provider; others ran elsewhere, "
    "and the times are of both."
)

_REDUCED = (
    "fp16, int8: the same network in these numbers, made from fp32. Its embedding is not the same "
    "vector but one near it: parity and margin show how near, and acc1 and acc5 are fp32's. "
    f"{TIMES} fp32: how many times as fast as its own backend and provider in fp32."
)

_QUOTED = (
    "quoted: all figures are as their source gives them, and none was measured here. There are no "
    "raw times behind the medians, so there are no intervals, ratios, noise, parity or memory.\n"
    "Embedding inference time: from the file to the vector.\n"
    f"{_PICTURES}\n"
    "GFLOPS count multiply-accumulates; acc1 and acc5 hold for the pretrained weights. Weights "
    "leave out IMAGENET1K_."
).split("\n")


def legend(report: Report) -> tuple[str, ...]:
    """Return what the report's tables can show, one paragraph after the other."""
    if report.source is not None:
        return tuple(_QUOTED)
    partial = any(partial_placement_in(cell.identity.backend) for cell in report.cells)
    reduced = any(target_of(cell.identity).is_reduced for cell in report.cells)
    return (*_MEASURED, *((_REDUCED,) if reduced else ()), *((_PARTIAL,) if partial else ()))

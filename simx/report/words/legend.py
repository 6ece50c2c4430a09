"""The meaning of the tables' headings, for the end of a report."""

from simx.models.backbone import TIMM_PREFIX
from simx.report.words import figures
from simx.report.words.names import FASTEST, TIED, TIMES
from simx.results.schema.partial_placement import PARTIAL, partial_placement_in
from simx.results.schema.report import Report
from simx.results.summaries.summary import target_of

TIME_MARKS = (
    f"{FASTEST} the fastest backend, {TIED} tied with it; forward: the network alone; pipeline: "
    "from the anchor's file to its embedding"
)

_PICTURES = (
    "positive, negative, resized: the picture that the anchor is compared with; resized: the "
    "negative at the size of the others. margin: the similarity of the positive minus that of the "
    "negative, in percentage points."
)

_MEASURED = (
    "forward: the network alone, with its input ready. Embedding inference time: from the file to "
    "the vector (decode, preprocess, forward). first: session creation and first call.\n"
    "pays off: the calls after which faster ones have made up for a start of more than twice the "
    "time, compared with the same backend without variants, or else with the report's first.\n"
    f"{_PICTURES}\n"
    f"{TIMES}: forward's speed divided by that of the named backend, paired by launch and round. "
    "±: the 95 % interval over launches, to either side of the figure. An interval that reaches "
    f"more than {100 * figures.NARROW:g} % above it is printed by its ends, as in 1.4 to 2.2. "
    "Other figures have the digits that their interval supports (all intervals: --format csv).\n"
    "peak: forward's share of this machine's peak, the fastest 512 by 512 matrix product of the "
    "run; absent where a network was faster than that. "
    "page faults: pages of memory that the kernel gave to the worker during a call. "
    "memory: resident memory of a worker after one call of the network; network: without the "
    "interpreter and the runtime; device: the device's own memory. nodes: where the session ran "
    "the nodes of the graph; shape: nodes on the processor that only compute shapes.\n"
    "GFLOPS, acc1 and acc5 are torchvision's published figures for the pretrained weights, not "
    "measured here. GFLOPS count multiply-accumulates. Weights leave out IMAGENET1K_."
).split("\n")

_PARTIAL = f"{PARTIAL}: the share of the graph's nodes that ran on the provider; times include all."

_REDUCED = (
    "fp16, int8: the network in these numbers, converted from fp32. Its embedding is not the same "
    "vector, but a near one: parity and margin show how near. acc1 and acc5 are those of fp32. "
    f"{TIMES} fp32: the speed divided by that of fp32 on the same backend and provider."
)

_OF_TIMM = (
    "GFLOPS of timm's backbones are torch's count; timm publishes no accuracies with its code."
)

_QUOTED = (
    "quoted: all figures are as their source has them; none was measured here. There are no raw "
    "times behind the medians, so there are no intervals, ratios, noise, parity or memory.\n"
    "Embedding inference time: from the file to the vector.\n"
    f"{_PICTURES}\n"
    "GFLOPS count multiply-accumulates; acc1 and acc5 hold for the pretrained weights. Weights "
    "leave out IMAGENET1K_."
).split("\n")


def legend(report: Report) -> tuple[str, ...]:
    """Return the legend of a report's tables, in paragraphs."""
    if report.source is not None:
        return tuple(_QUOTED)
    partial = any(partial_placement_in(cell.identity.backend) for cell in report.cells)
    reduced = any(target_of(cell.identity).is_reduced for cell in report.cells)
    timm = any(cell.identity.model.startswith(TIMM_PREFIX) for cell in report.cells)
    further = ((reduced, _REDUCED), (partial, _PARTIAL), (timm, _OF_TIMM))
    return (*_MEASURED, *(text for is_so, text in further if is_so))

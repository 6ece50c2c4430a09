"""What a report from a machine with a GPU has to show. Pure functions of a report.

None of them takes simx's word for it that a cell ran on the GPU: a figure of the processor's with
CUDA's name on it fails several of them.
"""

from collections.abc import Callable, Iterator, Sequence

from scripts.cuda_acceptance.verdict import Verdict, judged
from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.schema.gpu import GpuState, summary
from simx.results.schema.report import FailedCell, MeasuredCell, Report
from simx.results.schema.times import Launch, Scope, block_median
from simx.results.statistics.device_events import device_ns, too_short, wall_ns
from simx.results.statistics.estimates import estimate
from simx.results.statistics.parity import FP32, disagreement

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

FASTER = 2.0
"""How many times as fast as the processor a GPU has to be, at the least."""

WEIGHTS_SHARE = 0.7
"""Of the parameters that a network without its head still has, of those that are measured."""

CPU_SHARE = 0.3
"""Of a graph's nodes that may compute shapes on the processor."""

SETTINGS: Sequence[tuple[str, tuple[str, str], tuple[str, str]]] = (
    ("TF32", ("tf32_matmul", "false"), ("use_tf32", "0")),
    ("TF32 of convolutions", ("tf32_convolution", "false"), ("use_tf32", "0")),
    ("algorithm search", ("cudnn_benchmark", "false"), ("cudnn_conv_algo_search", "HEURISTIC")),
    ("layout", ("memory_format", "contiguous_format"), ("prefer_nhwc", "0")),
    ("CUDA graphs", ("cuda_graph", "false"), ("enable_cuda_graph", "0")),
    ("memory arena", ("memory_arena", "on"), ("memory_arena", "on")),
)
"""What is pinned alike: a name, and the setting of either backend."""


def check_failures(report: Report) -> Verdict:
    """No cell failed."""
    failed = [
        f"{_name(cell)} at {cell.stage}: {cell.reason}"
        for cell in report.cells
        if isinstance(cell, FailedCell)
    ]
    return judged("every cell has figures", failed, [f"{len(report.cells)} cells"])


def check_placement(report: Report, provider: str = CUDA) -> Verdict:
    """ONNX Runtime's nodes ran on the provider, but for a few that compute shapes."""
    problems: list[str] = []
    figures: list[str] = []
    for cell in _on_device(report, provider, "ort"):
        nodes = cell.placement
        there, elsewhere = nodes.get(provider, 0), sum(nodes.values()) - nodes.get(provider, 0)
        text = f"{_name(cell)} {there} of {there + elsewhere} nodes on {provider}"
        strange = set(nodes) - {CPU, provider}
        wrong = strange or not there or elsewhere > CPU_SHARE * (there + elsewhere)
        (problems if wrong else figures).append(text)
    name = "placement" if provider == CUDA else f"placement on {provider}"
    return judged(name, problems, figures)


def check_parity(report: Report) -> Verdict:
    """The vectors are PyTorch's."""
    problems: list[str] = []
    figures: list[str] = []
    for cell in _on_cuda(report):
        complaint = disagreement(cell.parity, FP32)
        if complaint is not None:
            problems.append(f"{_name(cell)}: {complaint}")
        figures.append(f"{_name(cell)} {cell.parity.relative_l2:.1e}")
    return judged("parity", problems, figures)


def check_host(report: Report) -> Verdict:
    """From host to host takes longer than on the device alone."""
    return _longer(report, "host takes longer than forward", [("forward", "host", None)])


def check_similarity(report: Report) -> Verdict:
    """Similarity was timed on the device and from the host, which takes longer."""
    pairs: list[tuple[Scope, Scope, Image | None]] = [
        ("similarity", "similarity.host", image) for image in COMPARED_IMAGES
    ]
    return _longer(report, "similarity both ways", pairs)


def check_faster(report: Report) -> Verdict:
    """The same backend on the GPU is well faster than on the processor."""
    on_cpu = {
        (cell.identity.model, cell.identity.backend): time
        for cell in _measured(report)
        if cell.identity.provider == CPU and (time := _median(cell, "forward"))
    }
    problems: list[str] = []
    figures: list[str] = []
    for cell in _on_cuda(report):
        beside = on_cpu.get((cell.identity.model, cell.identity.backend))
        here = _median(cell, "forward")
        if beside is None or here is None:
            problems.append(f"{_name(cell)} has nothing beside it")
            continue
        text = f"{_name(cell)} {beside / here:.1f} times as fast as on the processor"
        (figures if beside >= FASTER * here else problems).append(text)
    return judged("a GPU's speed", problems, figures)


def check_events(report: Report) -> Verdict:
    """PyTorch's launches have events, and the clock misses nothing that they saw."""
    problems: list[str] = []
    figures: list[str] = []
    for cell in _on_cuda(report, "torch"):
        for launch in _launches(cell, "forward"):
            if launch.events is None:
                problems.append(f"{_name(cell)} launch {launch.index} has no events")
                continue
            complaint = too_short(launch.events, block_median(launch.blocks[-1]))
            if complaint is not None:
                problems.append(f"{_name(cell)}: {complaint}")
            clock, events = wall_ns(launch.events) / 1e6, device_ns(launch.events) / 1e6
            figures.append(f"{_name(cell)} {events:.3f} of {clock:.3f} ms")
    return judged("events", problems, figures)


def check_memory(report: Report) -> Verdict:
    """The device's memory holds at least the weights."""
    problems: list[str] = []
    figures: list[str] = []
    for cell in _on_cuda(report):
        memory = cell.memory.device if cell.memory else None
        needed = WEIGHTS_SHARE * 4 * cell.catalogue.params
        if memory is None:
            problems.append(f"{_name(cell)} needed no memory of a device")
            continue
        held = memory.peak if memory.allocated is None else memory.allocated
        text = f"{_name(cell)} {memory.peak / 2**20:.0f} MiB by {memory.by}"
        (figures if held >= needed else problems).append(text)
    return judged("device memory", problems, figures)


def check_state(report: Report) -> Verdict:
    """Every block knows what its GPU was like."""
    states: list[GpuState] = []
    blind = 0
    for cell in _on_cuda(report):
        for launch in _launches(cell, "forward"):
            for block in launch.blocks:
                state = block.noise.gpu
                if state is None or state.core_clock_mhz is None or state.limits is None:
                    blind += 1
                else:
                    states.append(state)
    problems = [f"{blind} blocks without clocks, or what limits them"] if blind else []
    return judged("the GPU's state", problems, list(summary(states)))


def check_settings(report: Report) -> Verdict:
    """What is pinned is pinned to the same on both backends."""
    problems: list[str] = []
    figures: list[str] = []
    for name, of_torch, of_ort in SETTINGS:
        for backend, (setting, value) in (("torch", of_torch), ("ort", of_ort)):
            found = {cell.settings.get(setting) for cell in _on_cuda(report, backend)}
            if found != {value}:
                told = ", ".join(sorted(map(str, found))) or "nothing"
                problems.append(f"{name}: {backend} says {setting} {told} instead of {value}")
        figures.append(name)
    return judged("equal settings", problems, figures)


CHECKS: Sequence[Callable[[Report], Verdict]] = (
    check_failures,
    check_placement,
    check_parity,
    check_host,
    check_similarity,
    check_faster,
    check_events,
    check_memory,
    check_state,
    check_settings,
)
"""All that is asked of a report of both backends on both providers."""


def check_variants(report: Report, wanted: Sequence[str]) -> Verdict:
    """Every variant was measured, and its label is on cells that have it."""
    times = {
        cell.identity.backend: time
        for cell in _on_cuda(report)
        if (time := _median(cell, "forward")) is not None
    }
    problems = [f"{name} has no figure" for name in wanted if name not in times]
    figures = [f"{name} {time / 1e6:.3f} ms" for name, time in times.items()]
    return judged("variants", problems, figures)


def _longer(
    report: Report, name: str, pairs: Sequence[tuple[Scope, Scope, Image | None]]
) -> Verdict:
    problems: list[str] = []
    figures: list[str] = []
    for cell in _on_cuda(report):
        for short, long, image in pairs:
            one, other = _median(cell, short, image), _median(cell, long, image)
            if one is None or other is None:
                problems.append(f"{_name(cell)} has no time of {long if one else short}")
                continue
            text = f"{_name(cell)} {short} {one / 1e6:.4f} ms, {long} {other / 1e6:.4f} ms"
            (figures if other > one else problems).append(text)
    return judged(name, problems, figures)


def _measured(report: Report) -> Iterator[MeasuredCell]:
    yield from (cell for cell in report.cells if isinstance(cell, MeasuredCell))


def _on_cuda(report: Report, backend: str = "") -> list[MeasuredCell]:
    return _on_device(report, CUDA, backend)


def _on_device(report: Report, provider: str, backend: str) -> list[MeasuredCell]:
    """Return the cells that say of themselves that they ran on a provider."""
    return [
        cell
        for cell in _measured(report)
        if cell.identity.provider == provider and cell.identity.backend.startswith(backend)
    ]


def _launches(cell: MeasuredCell, scope: Scope, image: Image | None = None) -> tuple[Launch, ...]:
    found = {(timing.scope, timing.image): timing.launches for timing in cell.timings}
    return found.get((scope, image), ())


def _median(cell: MeasuredCell, scope: Scope, image: Image | None = None) -> float | None:
    launches = _launches(cell, scope, image)
    return estimate(launches).median_ns if launches else None


def _name(cell: MeasuredCell | FailedCell) -> str:
    return f"{cell.identity.model} on {cell.identity.backend}"

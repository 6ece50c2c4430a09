"""Profiles of torch's networks: the time of each operator, by the module that calls it.

Imports torch, which leaves its events untyped.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from msgspec.structs import replace
from torch import nn
from torch.profiler import ProfilerActivity, record_function

from simx.results.explanation.profiles import typical
from simx.results.schema.kernels import Kernel, Kernels
from simx.runner.backends.kinds import convolution_kind, is_convolution, kind_of

_RANGE = "simx "
"""What the names of our ranges begin with; the module's follows."""

_COMPOSITE = frozenset({"aten::_native_multi_head_attention"})
"""Operators whose parts are of several kinds."""

_Event = Any


def profile(body: nn.Module, call: Callable[[], object], calls: int) -> Kernels:
    """Profile calls of a network on the processor, and return the kernels of a typical one.

    A first call, with a range for each module, shows which operators belong to it. All others have
    the same operators, and no ranges, which would take time.
    """
    with _ranges(body):
        (first,) = _profiled(call, 1, record_shapes=True)
    known = [_kernel(event, module) for event, module in _operators(first, "")]
    every = [list(_timed(each, known)) for each in _profiled(call, calls)]
    return typical(every[calls // 4 :])  # the first ones warm up


def _profiled(
    call: Callable[[], object], calls: int, *, record_shapes: bool = False
) -> list[_Event]:
    """Return an event for each call."""
    activities = [ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, record_shapes=record_shapes) as found:
        for _ in range(calls):
            with record_function(_RANGE):
                call()
    return [each for each in found.events() or () if each.name == _RANGE and not each.cpu_parent]


@contextmanager
def _ranges(body: nn.Module) -> Iterator[None]:
    """Let each module record the range of each of its calls."""
    open_ones: list[Any] = []  # torch leaves the methods of its ranges untyped

    def begin(name: str) -> None:
        open_ones.append(record_function(_RANGE + name))
        open_ones[-1].__enter__()

    with ExitStack() as hooks:
        for name, module in body.named_modules():
            for hook in (
                module.register_forward_pre_hook(lambda *_, name=name: begin(name)),
                module.register_forward_hook(lambda *_: open_ones.pop().__exit__(None, None, None)),
            ):
                hooks.callback(hook.remove)
        yield


def _operators(event: _Event, module: str) -> Iterator[tuple[_Event, str]]:
    """Yield the operators within an event that are kernels, and the module of each."""
    for child in event.cpu_children:
        if child.name.startswith(_RANGE):
            yield from _operators(child, child.name.removeprefix(_RANGE))
        elif child.cpu_children and _is_divided(child.name):
            yield from _operators(child, module)
        else:
            yield child, module


def _is_divided(name: str) -> bool:
    is_known = is_convolution(name) or kind_of(name) is not None
    return name in _COMPOSITE or not is_known


def _kernel(event: _Event, module: str) -> Kernel:
    kind = kind_of(event.name)
    if is_convolution(event.name):
        features, weight, *_ = event.input_shapes
        kind = convolution_kind(weight, features[1] // weight[1])
    operator = event.name.removeprefix("aten::")
    return Kernel(operator=operator, kind=kind or "other", modules=(module,))


def _timed(event: _Event, known: Sequence[Kernel]) -> Iterator[Kernel]:
    """Yield the kernels of a call, and the time before each of them, which is Python's."""
    end = event.time_range.start
    for (each, _), kernel in zip(_operators(event, ""), known, strict=True):
        its = each.time_range
        between = Kernel(operator="", kind="between kernels", modules=kernel.modules)
        yield replace(between, ns=1e3 * (its.start - end))
        yield replace(kernel, ns=1e3 * its.elapsed_us())
        end = its.end

"""Profiles of ONNX Runtime's sessions: the time of each kernel, and the modules that it came from.

The exported graph names its nodes by modules. Optimisation fuses and renames them, so the optimised
graph is written beside the profile, and each kernel traced back: by its own name, by the values
that it makes, or by what reads them. Imports onnx.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import onnx

from simx.results.explanation.profiles import typical
from simx.results.schema.kernels import Kernel, Kernels
from simx.runner.backends.kinds import convolution_kind, is_convolution, kind_of

_KERNEL = "_kernel_time"
_BLOCKED = "_nchwc"
"""The end of names of kernels with channels in blocks: before it is the value that one makes."""

_UNCAST = "InsertedPrecisionFreeCast_"
"""The beginning of names of values that stay in float32 instead of the graph's float16."""

_ADDED = frozenset({"casts", "layout changes", "quantisation"})
"""Kinds of kernels that ONNX Runtime adds to a graph; all others are made of its nodes."""


def profile_of(events: bytes, stored: Path, optimised: Path) -> Kernels:
    """Return the kernels of a typical call.

    Args:
        events: a profile, a JSON list of events.
        stored: the graph that the session was given.
        optimised: the one that it made of it.
    """
    stored_graph, optimised_graph = (
        onnx.load(str(path), load_external_data=False).graph for path in (stored, optimised)
    )
    origins = _Origins(stored_graph.node, optimised_graph.node)
    calls: list[Sequence[Kernel]] = []
    kernels: list[Kernel] = []
    for event in msgspec.json.decode(events):
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(_KERNEL):
            kernels.append(_kernel(name.removesuffix(_KERNEL), event, origins))
        elif name == "model_run":  # it follows its kernels
            rest = 1e3 * event["dur"] - sum(each.ns for each in kernels)
            # There is none if kernels ran side by side.
            between = Kernel(operator="", kind="between kernels", ns=max(0.0, rest))
            calls.append((*kernels, between))
            kernels = []
    return typical(calls[len(calls) // 4 :])  # the first ones warm up


class _Origins:
    """The nodes that each kernel was made of.

    A node without a kernel of its own is part of another one: a convolution or product, of the
    first one that uses its result; any other, of the last one that its inputs come from.
    """

    def __init__(
        self, stored: Iterable[onnx.NodeProto], optimised: Iterable[onnx.NodeProto]
    ) -> None:
        self.stored = {node.name: node for node in stored}
        self.optimised = {node.name: node for node in optimised}
        self._producers = {value: node.name for node in stored for value in node.output}
        self._readers = _readers(optimised)
        owners: dict[str, str] = {}
        for name in self.optimised:
            for node in self._named(name):
                # The first kernel computes it; later ones change its layout or its type.
                owners.setdefault(node, name)
        self._absorb(owners)
        self._modules: dict[str, set[str]] = defaultdict(set)
        for name, owner in owners.items():
            module = module_of(self.stored[name])
            self._modules[owner].update(() if module is None else (module,))

    def modules(self, kernel: str, *, is_added: bool) -> tuple[str, ...]:
        """Return the modules of a kernel; what was added belongs to the one that reads it."""
        nearest = [kernel]
        for name in nearest:
            found = self._modules.get(name)
            if found or not is_added:
                return tuple(sorted(found or ()))
            values = self.optimised[name].output if name in self.optimised else ()
            readers = (reader for value in values for reader in self._readers.get(value, ()))
            nearest += (reader for reader in readers if reader not in nearest)
        return ()

    def _named(self, kernel: str) -> Iterator[str]:
        """Yield the nodes that a kernel's name or its values name."""
        # A fusion adds to the name of a node: NAME/FusionName/ or NAME_token_1.
        parts = re.sub(r"_token_\d+$", "", kernel.rstrip("/")).split("/")
        names = ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
        yield from [name for name in names if name in self.stored][:1]
        made = (kernel.removesuffix(_BLOCKED), *self.optimised[kernel].output)
        values = (value.removeprefix(_UNCAST) for value in made)
        yield from (self._producers[value] for value in values if value in self._producers)

    def _absorb(self, owners: dict[str, str]) -> None:
        """Add the nodes without kernels of their own."""
        readers, places = _readers(self.stored.values()), list(self.optimised)
        # From the last node on, so that what reads a result has its kernel already.
        for name, node in reversed(self.stored.items()):
            if name not in owners and _is_main(node):
                reading = (each for value in node.output for each in readers.get(value, ()))
                if found := [owners[each] for each in reading if each in owners]:
                    owners[name] = found[0]
        for name, node in self.stored.items():
            if name not in owners:
                made = (self._producers.get(value) for value in node.input)
                if found := [owners[each] for each in made if each in owners]:
                    owners[name] = max(found, key=places.index)


def _readers(nodes: Iterable[onnx.NodeProto]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        for value in filter(None, node.input):
            found[value].append(node.name)
    return found


def _is_main(node: onnx.NodeProto) -> bool:
    return is_convolution(node.op_type) or kind_of(node.op_type) == "matrix products"


def module_of(node: onnx.NodeProto) -> str | None:
    """Return the module in a node's name; empty for the network's own function, None if unknown."""
    module, slash, _ = node.name.rpartition("/")
    if slash:
        return module.strip("/").replace("/", ".")
    return "" if re.fullmatch(rf"{node.op_type}(_\d+)?", node.name) else None


def _kernel(name: str, event: Mapping[str, Any], origins: _Origins) -> Kernel:
    ran, node = event.get("args", {}), origins.optimised.get(name)
    operator = str(ran.get("op_name", ""))
    inputs = [next(iter(each.items())) for each in ran.get("input_type_shape", ()) if each]
    kind = kind_of(operator) or "other"
    if is_convolution(operator) and node is not None:
        groups = next((each.i for each in node.attribute if each.name == "group"), 1)
        # A quantised one has the scale and the zero of its first input before its weights.
        kind = convolution_kind(inputs[3 if operator.startswith("QLinear") else 1][1], groups)
    is_added = kind in _ADDED and name not in origins.stored
    return Kernel(
        operator=operator,
        kind=kind,
        modules=origins.modules(name, is_added=is_added),
        numbers=str(inputs[0][0]) if inputs else "",
        is_added=is_added,
        ns=1e3 * event["dur"],
    )

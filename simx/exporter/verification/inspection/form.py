"""A graph can be read anywhere: standard operators of a stated version, nothing of this machine."""

import re
from collections.abc import Iterator

import onnx

from simx.exporter.store.manifest import DATA_FILE
from simx.exporter.verification.inspection.walk import Walk, described, is_external

_STANDARD = frozenset({"", "ai.onnx"})
"""The domains of ONNX's own operators: two names of one."""

_OF_A_MACHINE = re.compile(r"\.py\b|site-packages|^[A-Za-z]:\\|^/(home|root|tmp|usr|Users|var)/")
"""The parts of a name that was made from a file's."""


def complaints(walk: Walk) -> Iterator[str]:
    """Find what only some engines can read, and what names the machine that exported it."""
    model = walk.model
    if model.functions:
        yield f"local function {model.functions[0].name} is left"
    yield from _operators(walk)
    for name, text in _remarks(walk):
        yield f"{name} has metadata: {text[:60]!r}"
    for name in _names(walk):
        if _OF_A_MACHINE.search(name):
            yield f"the name {name[:60]!r} is that of a file"
    for name, tensor in walk.constants.items():
        if is_external(tensor):
            location = next((e.value for e in tensor.external_data if e.key == "location"), "")
            if location != DATA_FILE:
                yield f"{name} lies in {location!r}, not in {DATA_FILE!r} beside the model"


def _operators(walk: Walk) -> Iterator[str]:
    versions = {each.domain: each.version for each in walk.model.opset_import}
    if not any(versions.get(name, 0) > 0 for name in _STANDARD):
        yield "it states no version of ONNX's operators"
    for domain in versions.keys() - _STANDARD:
        yield f"it imports operators of {domain}, which is no domain of ONNX's own"
    for node in walk.nodes:
        if node.domain not in _STANDARD:
            yield f"{described(node)} is of {node.domain}, which is no domain of ONNX's own"


def _remarks(walk: Walk) -> Iterator[tuple[str, str]]:
    """Yield each thing that has a remark, and the remark."""
    model = walk.model
    holders: list[tuple[str, onnx.ModelProto | onnx.GraphProto | onnx.NodeProto]] = [
        ("the model", model),
        *((f"graph {graph.name}", graph) for graph in walk.graphs),
        *((described(node), node) for node in walk.nodes),
    ]
    values = (
        value
        for graph in walk.graphs
        for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    )
    for name, holder in (*holders, *((value.name, value) for value in values)):
        for each in holder.metadata_props:
            yield name, f"{each.key}={each.value}"
        if holder.doc_string:
            yield name, holder.doc_string


def _names(walk: Walk) -> Iterator[str]:
    for graph in walk.graphs:
        yield graph.name
        yield from (value.name for value in (*graph.input, *graph.output, *graph.value_info))
    yield from walk.initializers
    for node in walk.nodes:
        yield node.name
        yield from node.output
        for each in node.attribute:
            yield from (text.decode(errors="replace") for text in (each.s, *each.strings))

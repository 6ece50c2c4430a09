"""Reads an ONNX file of any origin, and brings it into the form of one picture and one vector.

Runs inside a worker only.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePath

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from onnx import TensorProto, helper
from onnx.inliner import inline_local_functions

from simx.common.errors import InputError
from simx.common.input_files import read_whole
from simx.exporter.own_models.described import MODEL
from simx.exporter.store.manifest import SINGLE_FILE_LIMIT
from simx.exporter.verification.walk import Walk, described, is_external
from simx.models.backbone import Layout

_STANDARD = frozenset({"", "ai.onnx"})

_QUANTISED = frozenset(
    {
        "ConvInteger",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "QLinearConv",
        "QLinearMatMul",
        "QuantizeLinear",
    }
)

_HALF = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})

_IR_WITHOUT_INPUTS = 4
"""The first IR version in which a weight need not be an input."""

_ADDED = "simx_own_model"
"""What the names of the values that are added here begin with."""

_FIX = "python -m onnxruntime.tools.make_dynamic_shape_fixed"


class UnusableModelError(Exception):
    """A file cannot be used; the text follows its name and says what to do."""


class OwnGraph:
    """A usable graph: one picture, float32 [N, 3, side, side], gives one vector, float32 [N, D].

    ``content`` is the file that is executed: the user's own, byte for byte, unless something had to
    be changed. ``bytes`` are the length, and ``sha256`` the hash, of the user's file; with external
    data, the length of all files, and the hash of the hashes of the model's and of the others by
    their names. ``single_picture`` is whether N is always 1.

    Args:
        path: the user's file.
        side: rows and columns of its input.
        layout: the order of its input's dimensions.

    Raises:
        UnusableModelError: it cannot be used.
    """

    def __init__(self, path: Path, side: int, layout: Layout) -> None:
        content = _content(path)
        self.model = _parsed(content)
        data = _load_external_data(self.model, path.parent.resolve())
        self.bytes = len(content) + sum(map(len, data.values()))
        hashes = [hashlib.sha256(each).hexdigest() for each in (content, *data.values())]
        self.sha256 = hashlib.sha256("".join(hashes).encode()).hexdigest() if data else hashes[0]
        is_changed = bool(data or self.model.functions)
        if self.model.functions:
            self.model = inline_local_functions(self.model)
        _require_known(self.model)
        is_changed |= _keep_inputs(self.model)
        self.single_picture = _has_single_picture(self.model.graph, side, layout)
        try:
            onnx.checker.check_model(self.model)
        except (onnx.checker.ValidationError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise UnusableModelError(
                f"is no valid ONNX model ({reason}); export it again"
            ) from None
        is_changed |= _adapt(self.model.graph, side, layout, single=self.single_picture)
        self.content = self.model.SerializeToString() if is_changed else content

    @property
    def walk(self) -> Walk:
        """Its nodes and constants."""
        return Walk(self.model)


def _content(path: Path) -> bytes:
    try:
        return read_whole(path, MODEL)
    except InputError as error:
        reason = str(error).removeprefix(MODEL.label).removesuffix(f"; {MODEL.mend}")
        raise UnusableModelError(f"its data {reason}; copy all its files again") from None


def _parsed(content: bytes) -> onnx.ModelProto:
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise UnusableModelError("is no ONNX model, or is damaged; export it again") from None
    if not model.graph.node:
        raise UnusableModelError("is no ONNX model: it has no graph; export it again")
    return model


def _load_external_data(model: onnx.ModelProto, folder: Path) -> dict[str, bytes]:
    """Put the values of all tensors into a model; return the files they were in, by their names."""
    files: dict[str, bytes] = {}
    left = SINGLE_FILE_LIMIT
    for tensor in filter(is_external, _tensors(model)):
        keys = {each.key: each.value for each in tensor.external_data}
        name = keys.get("location", "")
        if name not in files:
            files[name] = _content(_beside(folder, name))
        try:
            begin = int(keys.get("offset", 0))
            end = begin + int(keys.get("length", len(files[name]) - begin))
        except ValueError:
            begin = end = -1
        if not 0 <= begin <= end <= len(files[name]):
            raise UnusableModelError(
                f"its external data {name!r} do not have all of {tensor.name!r}; copy both files "
                "again"
            )
        left -= end - begin
        if left < 0:
            raise UnusableModelError(
                f"its weights have more than the {SINGLE_FILE_LIMIT:,} bytes allowed"
            )
        tensor.raw_data = files[name][begin:end]
        del tensor.external_data[:]
        tensor.ClearField("data_location")
    return dict(sorted(files.items()))


def _beside(folder: Path, name: str) -> Path:
    """Return the path of a file that a model names, which has to be in the model's own folder."""
    path, pure = folder / name, PurePath(name)
    leads_out = ".." in pure.parts or not path.resolve().is_relative_to(folder)
    if not name or pure.is_absolute() or leads_out:
        raise UnusableModelError(
            f"its external data {name!r} are not in its own folder; save it with its data beside it"
        )
    return path


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                yield from _tensors(each)


def _require_known(model: onnx.ModelProto) -> None:
    newest = onnx.defs.onnx_opset_version()
    versions = [each.version for each in model.opset_import if each.domain in _STANDARD]
    if model.ir_version > onnx.IR_VERSION or max(versions, default=0) > newest:
        raise UnusableModelError(
            f"is of IR version {model.ir_version} and opset {max(versions, default=0)}; onnx "
            f"{onnx.__version__} here reads up to {onnx.IR_VERSION} and {newest}: upgrade onnx and "
            "onnxruntime, or export it for an older opset"
        )
    for node in Walk(model).nodes:
        if node.domain not in _STANDARD:
            raise UnusableModelError(
                f"{described(node)} is of {node.domain}, not of ONNX's own operators; give the "
                "file from before its optimisation"
            )
        if node.op_type in _QUANTISED:
            raise UnusableModelError(
                f"is quantised ({described(node)}); give the float32 file, from which "
                "--precision int8 makes its own"
            )
    if any(tensor.data_type in _HALF for tensor in _tensors(model)):
        raise UnusableModelError(
            "computes in float16; give the float32 file, from which --precision fp16 makes its own"
        )


def _keep_inputs(model: onnx.ModelProto) -> bool:
    """Drop the weights that have to be inputs up to IR version 3; return whether there were any."""
    graph = model.graph
    weights = {each.name for each in graph.initializer}
    kept = [each for each in graph.input if each.name not in weights]
    if len(kept) == len(graph.input):
        return False
    del graph.input[:]
    graph.input.extend(kept)
    model.ir_version = max(model.ir_version, _IR_WITHOUT_INPUTS)
    return True


def _has_single_picture(graph: onnx.GraphProto, side: int, layout: Layout) -> bool:
    for kind, values in (("input", graph.input), ("output", graph.output)):
        names = ", ".join(each.name for each in values)
        if len(values) != 1:
            raise UnusableModelError(
                f"has {len(values)} {kind}s ({names or 'none'}), not one; export it with the "
                f"{'picture' if kind == 'input' else 'embedding'} alone"
            )
        if values[0].type.tensor_type.elem_type != TensorProto.FLOAT:
            raise UnusableModelError(f"its {kind} {names} is not float32; export it with float32")
    dims = graph.input[0].type.tensor_type.shape.dim
    sizes = [each.dim_value if each.dim_value > 0 else None for each in dims]
    shape = ", ".join("?" if each is None else str(each) for each in sizes)
    text = f"its input {graph.input[0].name} is [{shape}]"
    if len(sizes) != 4:  # noqa: PLR2004 - picture, channel, row, column
        raise UnusableModelError(f"{text}, not of four dimensions; export it for pictures")
    wanted = [3, side, side] if layout == "NCHW" else [side, side, 3]
    if layout == "NCHW" and sizes[1] != 3 and sizes[3] == 3:  # noqa: PLR2004 - channels
        raise UnusableModelError(
            f"{text}, which is NHWC; export it as NCHW, or use --preprocess FILE.toml with "
            'layout = "NHWC"'
        )
    if None in sizes[1:]:
        raise UnusableModelError(
            f"{text}, whose height, width or channels are free; fix them to {wanted}, for example "
            f"with {_FIX} --input_name {graph.input[0].name} "
            f"--input_shape {','.join(map(str, (1, *wanted)))}"
        )
    if sizes[1:] != wanted:
        raise UnusableModelError(
            f"{text}, and --preprocess gives [N, {', '.join(map(str, wanted))}]; use the "
            "preprocessing that it was trained with"
        )
    if sizes[0] not in {None, 1}:
        raise UnusableModelError(
            f"{text}, with a batch fixed to {sizes[0]}; export it with a free batch, or one of 1"
        )
    return sizes[0] == 1


def _adapt(graph: onnx.GraphProto, side: int, layout: Layout, *, single: bool) -> bool:
    """Transpose NHWC, flatten other than two dimensions; return whether either was needed."""
    batch = 1 if single else graph.input[0].type.tensor_type.shape.dim[0].dim_param or "batch"
    if layout == "NHWC":
        inner, name = graph.input[0].name, f"{_ADDED}_image"
        graph.node.insert(0, helper.make_node("Transpose", [name], [inner], perm=[0, 2, 3, 1]))
        shape = [batch, 3, side, side]
        graph.input[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    shape = graph.output[0].type.tensor_type.shape
    is_flat = len(shape.dim) == 2  # noqa: PLR2004 - picture and component
    if not is_flat:
        inner, name = graph.output[0].name, f"{_ADDED}_embedding"
        graph.node.append(helper.make_node("Flatten", [inner], [name], axis=1))
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, None])
        graph.output[0].CopyFrom(value)
    return layout == "NHWC" or not is_flat

"""Describes the user's ONNX files as backbones. Runs in the parent and imports no runtime."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from simx.common.errors import InputError
from simx.common.input_files import InputKind, opened, shown
from simx.exporter.store.manifest import SINGLE_FILE_LIMIT
from simx.models.backbone import OWN_WEIGHTS, Backbone, ByEmbedding, Layout, ModelFile
from simx.models.model_input import ModelInput, model_input
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, WorkerError

MODEL = InputKind(label="model ", mend="name an ONNX file of float32", most_bytes=SINGLE_FILE_LIMIT)

_INSPECTOR = "simx.exporter.own_models.inspection:main"

_SECONDS = 900.0
"""For reading a file, and running its network once."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

_LONGEST_NAME = 80


class Inspect(msgspec.Struct, frozen=True):
    """Inspect the file of this absolute path, whose input has ``crop`` rows and columns."""

    path: str
    crop: int
    layout: Layout


class Inspected(msgspec.Struct, frozen=True, tag=True):
    """The file can be used.

    ``bytes`` are those of all its files, ``params`` the numbers in its float tensors, and ``gmacs``
    1e9 multiply-accumulates. The other fields are as in ``ModelFile``.
    """

    sha256: str
    bytes: int
    dim: int
    params: int
    gmacs: float
    is_counted: bool
    single_picture: bool


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The file cannot be used; ``problem`` follows its name and says what to do."""

    problem: str


_REPLIES: msgspec.msgpack.Decoder[Inspected | Refused] = msgspec.msgpack.Decoder(
    Inspected | Refused
)


def own_models(paths: Sequence[str], preprocess: Sequence[str]) -> tuple[Backbone, ...]:
    """Describe ONNX files as backbones.

    Args:
        paths: The files.
        preprocess: How pictures become inputs, as ``model_input`` takes it: one for all files, or
            one for each.

    Raises:
        InputError: A file or a preprocessing is not usable, or two files have the same name.
    """
    if not paths and preprocess:
        raise InputError(f"--preprocess {preprocess[0]}: works only with --model")
    if paths and len(preprocess) not in {1, len(paths)}:
        raise InputError(
            f"--model {shown(paths[0])}: give --preprocess once, or once for each model, such as "
            "--preprocess resnet50 or --preprocess FILE.toml"
        )
    inputs = [model_input(text) for text in preprocess]
    pairs = list(zip(paths, inputs if len(inputs) > 1 else inputs * len(paths), strict=True))
    for path in paths:
        with opened(path, MODEL):
            pass
    if not pairs:
        return ()
    with launcher(_INSPECTOR) as server:
        found = tuple(_described(path, its, server) for path, its in pairs)
    for place, each in enumerate(found):
        if any(other.name == each.name for other in found[:place]):
            raise InputError(
                f"--model {shown(paths[place])}: two models are named {each.name}; rename one"
            )
    return found


def _described(path: str, its: ModelInput, server: Launcher) -> Backbone:
    absolute = str(Path(path).resolve())
    try:
        with server.launch() as worker:
            request = Inspect(absolute, its.preset.crop, its.layout)
            found = worker.request(request, _REPLIES, _SECONDS)
    except WorkerError as error:
        raise InputError(f"model {shown(path)}: cannot be inspected: the worker {error}") from None
    if isinstance(found, Refused):
        raise InputError(f"model {shown(path)}: {found.problem}")
    dims = ByEmbedding(pooled=found.dim, penultimate=found.dim, flat=found.dim)
    return Backbone(
        model=_safe_name(Path(path).stem),
        weights=OWN_WEIGHTS,
        default=False,
        family="own",
        gflops=found.gmacs,
        params=found.params,
        acc1=None,
        acc5=None,
        file_size=found.bytes / 2**20,
        license=None,
        url="",
        preset=its.preset,
        embedding_dims=dims,
        embedding_gmacs=ByEmbedding(pooled=found.gmacs, penultimate=found.gmacs, flat=found.gmacs),
        source="onnx",
        file=ModelFile(
            path=absolute,
            sha256=found.sha256,
            layout=its.layout,
            single_picture=found.single_picture,
            is_counted=found.is_counted,
        ),
    )


def _safe_name(stem: str) -> str:
    """Return a stem as a name of a folder, of a glob and of a table, without other characters."""
    return _UNSAFE.sub("_", stem).strip("._-")[:_LONGEST_NAME] or "model"

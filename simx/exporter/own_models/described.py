"""Describes the user's ONNX files as backbones. Runs in the parent and imports no runtime."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from simx.common.errors import InputError
from simx.common.input_files import InputKind, opened, shown
from simx.exporter.store.manifest import SINGLE_FILE_LIMIT
from simx.models.backbone import Backbone
from simx.models.model_input import ModelInput, model_input
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, WorkerError

MODEL = InputKind(label="model ", mend="name an ONNX file of float32", most_bytes=SINGLE_FILE_LIMIT)

_INSPECTOR = "simx.exporter.own_models.inspection:main"

_SECONDS = 900.0
"""For reading a file, and running its network once."""


class Inspect(msgspec.Struct, frozen=True):
    """Inspect the file of this absolute path, whose input has this form."""

    path: str
    input: ModelInput


class Inspected(msgspec.Struct, frozen=True):
    """The file as a backbone, or the problem with it: it follows its name and says what to do."""

    backbone: Backbone | None = None
    problem: str = ""


_REPLIES = msgspec.msgpack.Decoder(Inspected)


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
    try:
        with server.launch() as worker:
            request = Inspect(str(Path(path).resolve()), its)
            found = worker.request(request, _REPLIES, _SECONDS)
    except WorkerError as error:
        raise InputError(f"model {shown(path)}: cannot be inspected: the worker {error}") from None
    if found.backbone is None:
        raise InputError(f"model {shown(path)}: {found.problem}")
    return found.backbone

"""Python to paste, which makes the settings that were measured. Imports no runtime."""

import json
from collections.abc import Callable, Iterator, Mapping

from simx.exporter.store.manifest import BATCH_NAME
from simx.exporter.store.output_folder import plain_name
from simx.models.backbone import Backbone, EmbeddingKind
from simx.runner.backends.engine_settings import (
    OPENVINO_DEVICE,
    inductor_options,
    openvino_settings,
)
from simx.runner.backends.ort.placement import CPU
from simx.runner.backends.ort.settings import settings_of
from simx.runner.backends.registry import FIXED, TORCH_DEVICES
from simx.runner.tuning.candidates import Candidate


def code_of(candidate: Candidate, backbone: Backbone, embedding: EmbeddingKind) -> str:
    """Return a program that loads a backbone with a candidate's settings and calls it.

    Args:
        candidate: what was measured.
        backbone: of which PyTorch needs the caller's own model.
        embedding: names the exported file.
    """
    write = _WRITERS[candidate.base.backend.name]
    lines = (*_variables(candidate), *write(candidate, backbone, embedding))
    return "\n".join(lines) + "\n"


def _variables(candidate: Candidate) -> Iterator[str]:
    """Yield the variables that a process needs when it starts; those of NVIDIA's for a GPU."""
    is_on_cpu = candidate.base.provider == CPU
    for name, value in dict(candidate.target.backend.environment).items():
        if value is not None and not (is_on_cpu and name.startswith("NVIDIA_")):
            yield f"# start Python with the variable {name}={value}"


def _ort(candidate: Candidate, backbone: Backbone, embedding: EmbeddingKind) -> Iterator[str]:
    target, crop = candidate.target, backbone.preset.crop
    variants, given = target.backend.variants, target.backend.options
    settings = settings_of(target.provider, variants, given, candidate.threads)
    path = plain_name(backbone, embedding, target.precision)
    yield from ("import numpy as np", "import onnxruntime", "")
    yield "options = onnxruntime.SessionOptions()"
    for name, value in settings.attributes.items():
        constant = f"onnxruntime.{value}" if isinstance(value, str) else value
        yield f"options.{name} = {constant}"
    if FIXED in variants:
        yield f'options.add_free_dimension_override_by_name("{BATCH_NAME}", {candidate.batch})'
    for name, text in settings.session.items():
        yield f'options.add_session_config_entry("{name}", "{text}")'
    yield "run = onnxruntime.RunOptions()"
    for name, text in settings.run.items():
        yield f'run.add_run_config_entry("{name}", "{text}")'
    yield f'providers = [("{target.provider}", {json.dumps(settings.provider)})]'
    yield f'session = onnxruntime.InferenceSession("{path}", options, providers=providers)'
    yield f"pictures = np.zeros(({candidate.batch}, 3, {crop}, {crop}), dtype=np.float32)"
    yield "(embeddings,) = session.run(None, {session.get_inputs()[0].name: pictures}, run)"


def _torch(candidate: Candidate, backbone: Backbone, _: EmbeddingKind) -> Iterator[str]:
    variants, crop = candidate.target.backend.variants, backbone.preset.crop
    device = TORCH_DEVICES[candidate.base.provider]
    last = "torch.channels_last" if "channels-last" in variants else "torch.contiguous_format"
    yield from ("import torch", "")
    yield f"torch.set_num_threads({candidate.threads})"
    yield f"torch.set_flush_denormal({'flush-denormals' in variants})"
    yield 'torch.set_float32_matmul_precision("highest")'
    yield f"torch.backends.cudnn.benchmark = {'search-exhaustive' in variants}"
    yield "torch.backends.cudnn.allow_tf32 = False"
    yield f"# model: {backbone.name} as you build it, without its head"
    yield f'model = model.eval().to("{device}").to(memory_format={last})'
    if (options := inductor_options(variants)) is not None:
        yield f"model = torch.compile(model, fullgraph=True, options={options})"
    yield f'pictures = torch.zeros({candidate.batch}, 3, {crop}, {crop}, device="{device}")'
    yield "with torch.inference_mode():"
    yield f"    embeddings = model(pictures.contiguous(memory_format={last}))"


def _openvino(candidate: Candidate, backbone: Backbone, embedding: EmbeddingKind) -> Iterator[str]:
    target, crop = candidate.target, backbone.preset.crop
    variants, shape = target.backend.variants, (candidate.batch, 3, crop, crop)
    path = plain_name(backbone, embedding, target.precision)
    yield from ("import numpy as np", "import openvino", "", "core = openvino.Core()")
    yield f'model = core.read_model("{path}")'
    if FIXED in variants:
        yield f"model.reshape({shape})"
    yield f"settings = {json.dumps(openvino_settings(candidate.threads, variants))}"
    yield f'network = core.compile_model(model, "{OPENVINO_DEVICE}", settings)'
    yield f"pictures = np.zeros({shape}, dtype=np.float32)"
    yield "embeddings = network(pictures)[0]"


_WRITERS: Mapping[str, Callable[[Candidate, Backbone, EmbeddingKind], Iterator[str]]] = {
    "torch": _torch,
    "ort": _ort,
    "openvino": _openvino,
}
"""By the names of the backends; each has to have one."""

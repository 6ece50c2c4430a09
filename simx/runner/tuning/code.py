"""Python to paste, which makes the settings that were measured. Imports no runtime."""

import json
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from simx.exporter.store.manifest import BATCH_NAME
from simx.exporter.store.output_folder import plain_name
from simx.models.backbone import Backbone, EmbeddingKind
from simx.results.files.journal_lines import Header
from simx.results.schema.config import SINGLE_STREAM, Aim
from simx.results.schema.tuning import BenchOptions, TunedModel, Tuning
from simx.runner.backends.engine_settings import (
    OPENVINO_DEVICE,
    inductor_options,
    openvino_settings,
)
from simx.runner.backends.ort.placement import CPU
from simx.runner.backends.ort.settings import settings_of, with_weights_beside
from simx.runner.backends.registry import FIXED, TORCH_DEVICES
from simx.runner.tuning.candidates import Candidate

Shape = tuple[int, int, int, int]


def code_of(candidate: Candidate, backbone: Backbone, embedding: EmbeddingKind) -> str:
    """Return a program that loads a backbone with a candidate's settings and calls it.

    Args:
        candidate: what was measured.
        backbone: of which PyTorch needs the caller's own model.
        embedding: names the exported file.
    """
    lines = [
        f"# start Python with the variable {name}={value}"
        for name, value in dict(candidate.target.backend.environment).items()
        if value is not None and not (candidate.base.provider == CPU and name[:7] == "NVIDIA_")
    ]
    if candidate.instances > 1:
        cores = f"{candidate.threads} of the cores to each, as by taskset"
        lines.append(f"# start {candidate.instances} processes of this kind; give {cores}")
    crop, path = backbone.preset.crop, plain_name(backbone, embedding, candidate.precision)
    name = backbone.name if candidate.base.backend.executes == "weights" else path
    shape = (candidate.batch, 3, crop, crop)
    lines += _WRITERS[candidate.base.backend.name](candidate, shape, name)
    return "\n".join(lines) + "\n"


def _ort(candidate: Candidate, shape: Shape, path: str) -> list[str]:
    target, options = candidate.target, "options.add_session_config_entry"
    variants, given = target.backend.variants, target.backend.options
    settings = settings_of(target.provider, variants, given, candidate.threads)
    online = replace(settings, offline=False)
    loaded = _OPTIMISED if settings.offline else path
    free = f'options.add_free_dimension_override_by_name("{BATCH_NAME}", {candidate.batch})'
    return [
        *("import numpy as np", "import onnxruntime", ""),
        "options = onnxruntime.SessionOptions()",
        *(
            f"options.{name} = {f'onnxruntime.{value}' if isinstance(value, str) else value}"
            for name, value in online.attributes.items()
        ),
        *([free] if FIXED in variants else ()),
        *(f'{options}("{name}", "{text}")' for name, text in settings.session.items()),
        "run = onnxruntime.RunOptions()",
        *(f'run.add_run_config_entry("{name}", "{text}")' for name, text in settings.run.items()),
        f'providers = [("{target.provider}", {json.dumps(settings.provider)})]',
        *(_saving(path) if settings.offline else ()),
        f'session = onnxruntime.InferenceSession("{loaded}", options, providers=providers)',
        f"pictures = np.zeros({shape}, dtype=np.float32)",
        "(embeddings,) = session.run(None, {session.get_inputs()[0].name: pictures}, run)",
    ]


_OPTIMISED = "optimised.onnx"


def _saving(path: str) -> list[str]:
    """Return the lines that save an optimised graph, which is then loaded as it is."""
    level = "onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL"
    return [
        f'options.optimized_model_filepath = "{_OPTIMISED}"',
        *(
            f'options.add_session_config_entry("{name}", "{text}")'
            for name, text in with_weights_beside(_OPTIMISED).items()
        ),
        f'onnxruntime.InferenceSession("{path}", options, providers=providers)  # once',
        'options.optimized_model_filepath = ""',
        f"options.graph_optimization_level = {level}",
    ]


_FUSED = """\
from itertools import pairwise
from torch.nn.utils.fusion import fuse_conv_bn_eval
for module in list(model.modules()):
    for (one, conv), (other, norm) in pairwise(list(module.named_children())):
        if isinstance(conv, torch.nn.Conv2d) and type(norm) is torch.nn.BatchNorm2d:
            setattr(module, one, fuse_conv_bn_eval(conv, norm))
            setattr(module, other, torch.nn.Identity())"""


def _torch(candidate: Candidate, shape: Shape, name: str) -> list[str]:
    variants, device = candidate.target.backend.variants, TORCH_DEVICES[candidate.base.provider]
    last = "torch.channels_last" if "channels-last" in variants else "torch.contiguous_format"
    inductor = inductor_options(variants)
    compiled = f"model = torch.compile(model, fullgraph=True, options={inductor})"
    return [
        *("import torch", "", f"torch.set_num_threads({candidate.threads})"),
        f"torch.set_flush_denormal({'flush-denormals' in variants})",
        'torch.set_float32_matmul_precision("highest")',
        f"torch.backends.cudnn.benchmark = {'search-exhaustive' in variants}",
        "torch.backends.cudnn.allow_tf32 = False",
        f"# model: {name} as you build it, without its head",
        f'model = model.eval().to("{device}").to(memory_format={last})',
        *([_FUSED] if "fused-batch-norms" in variants else ()),
        *([compiled] if inductor is not None else ()),
        f'pictures = torch.zeros({shape}, device="{device}")',
        "with torch.inference_mode():",
        f"    embeddings = model(pictures.contiguous(memory_format={last}))",
    ]


def _openvino(candidate: Candidate, shape: Shape, path: str) -> list[str]:
    variants = candidate.target.backend.variants
    return [
        *("import numpy as np", "import openvino", "", "core = openvino.Core()"),
        f'model = core.read_model("{path}")',
        *([f"model.reshape({shape})"] if FIXED in variants else ()),
        f"settings = {json.dumps(openvino_settings(candidate.threads, variants))}",
        f'network = core.compile_model(model, "{OPENVINO_DEVICE}", settings)',
        f"pictures = np.zeros({shape}, dtype=np.float32)",
        "embeddings = network(pictures)[0]",
    ]


def _executorch(candidate: Candidate, shape: Shape, name: str) -> list[str]:
    return [
        "import torch",
        "from executorch.backends.xnnpack import XnnpackPartitioner",
        "from executorch.exir import to_edge_transform_and_lower",
        "from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool",
        "from executorch.runtime import Runtime",
        "",
        f"# model: {name} as you build it, without its head",
        f"pictures = torch.zeros({shape})",
        "exported = torch.export.export(model.eval(), (pictures,))",
        "lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])",
        f"_unsafe_reset_threadpool({candidate.threads})",
        "program = Runtime.get().load_program(lowered.to_executorch().buffer)",
        '(embeddings,) = program.load_method("forward").execute((pictures,))',
    ]


_WRITERS: Mapping[str, Callable[[Candidate, Shape, str], list[str]]] = {
    "torch": _torch,
    "ort": _ort,
    "openvino": _openvino,
    "executorch": _executorch,
}
"""By the names of the backends; each has to have one."""


def tuning_of(header: Header, models: Sequence[TunedModel]) -> Tuning:
    """Return the result of a run that began so."""
    report, aim = header.report, header.aim or Aim()
    assert report.environment is not None  # noqa: S101 - a journal's report is validated
    assert report.config is not None  # noqa: S101 - likewise
    return Tuning(
        created=report.created,
        simx=report.simx,
        environment=report.environment,
        goal=aim.goal,
        max_latency_seconds=aim.max_latency,
        seed=report.config.seed,
        settings=bench_options(models),
        models=tuple(models),
    )


def bench_options(models: Sequence[TunedModel]) -> BenchOptions:
    """Return the options that measure the best settings of all backbones, and the defaults."""
    found = [each for of in models for each in (of.default, of.best) if each]
    instances = tuple(sorted({each.instances for each in found}))
    return BenchOptions(
        backend=tuple(dict.fromkeys(each.backend for each in found)),
        provider=tuple(dict.fromkeys(each.provider for each in found)),
        precision=tuple(dict.fromkeys(each.precision for each in found)),
        batch=tuple(sorted({each.batch for each in found})),
        threads=tuple(sorted({each.threads for each in found})),
        instances=instances or (1,),
        scenario="offline" if max(instances, default=1) > 1 else SINGLE_STREAM,
    )

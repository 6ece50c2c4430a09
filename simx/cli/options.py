"""Options that several commands share, each defined once."""

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import get_args

import click

from simx.cli.configuration import complete_backbone, complete_backend
from simx.cli.output import tell
from simx.cli.parameters import F, Utf8Path, choice_option, duration, powers, together, utf8
from simx.common.input_files import shown
from simx.exporter.store.sharing import default_store, no_store, others_may_write
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import PRECISIONS, Backbone
from simx.models.catalogue import load
from simx.models.ranges import DEFAULT_RANGES, Range, parse_ranges, ranges_from_edges
from simx.models.selection import Selection, select
from simx.results.schema.config import Scenario

select_argument = click.argument(
    "select", nargs=-1, metavar="[SELECT]...", shell_complete=complete_backbone
)

gflops_option = click.option(
    "--gflops",
    type=parse_ranges,
    metavar="RANGE",
    multiple=True,
    callback=lambda _context, _option, groups: tuple(chain.from_iterable(groups)),
    help="Select the backbones of this GFLOPS range, such as 0, 1-3 or 32+. Repeatable.",
)

family_option = click.option(
    "--family",
    multiple=True,
    help="Select the backbones of this family, such as resnet. Repeatable.",
)

_all_option = click.option(
    "--all", is_flag=True, help="Select all architectures, with their default weights."
)

selection_options = together(select_argument, _all_option, gflops_option, family_option)

backend_option = click.option(
    "--backend",
    multiple=True,
    default=("torch", "ort"),
    show_default=True,
    shell_complete=complete_backend,
    metavar="[LABEL=]NAME[@ENVIRONMENT][:VARIANT]",
    help="Backend to measure: torch, ort, openvino, executorch, or a variant such as "
    "torch:channels-last, torch:compile or ort:spinning. With @, it runs in another environment: "
    "the folder of a virtual one, a Python executable, or a name from the settings. Repeatable.",
)

provider_option = click.option(
    "--provider",
    multiple=True,
    default=("cpu",),
    show_default=True,
    help="Execution provider, such as cpu or CUDAExecutionProvider. Repeatable.",
)

_provider_option_option = click.option(
    "--provider-option",
    type=utf8,
    multiple=True,
    metavar="KEY=VALUE",
    help="Option of ONNX Runtime's execution provider, such as use_tf32=1. The names of the cells "
    "include it. Repeatable.",
)

_env_option = click.option(
    "--env",
    type=utf8,
    multiple=True,
    metavar="NAME=VALUE",
    help="Environment variable for the workers, such as OMP_THREAD_LIMIT=1, which otherwise see no "
    "variable that changes how a runtime computes. The names of the cells include it. Repeatable.",
)

_allow_partial_option = click.option(
    "--allow-partial",
    is_flag=True,
    help="Measure also graphs that run on the provider in part. The names of the cells include the "
    "share of the nodes.",
)

target_options = together(
    backend_option,
    provider_option,
    _provider_option_option,
    _env_option,
    _allow_partial_option,
)

_model_option = click.option(
    "--model",
    type=Utf8Path(),
    multiple=True,
    metavar="FILE.onnx",
    help="ONNX file of your own, whose output is the embedding. Needs --preprocess. Repeatable.",
)

_preprocess_option = click.option(
    "--preprocess",
    type=utf8,
    multiple=True,
    metavar="NAME|FILE.toml",
    help="How pictures become the input of --model: as for a backbone such as resnet50:v2, or by a "
    "TOML file. Once, or once for each model.",
)

model_options = together(_model_option, _preprocess_option)

seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Random seed."
)

embedding_option = choice_option(
    "--embedding",
    ("pooled", "penultimate", "flat"),
    "Embedding to use: the input of the classifier (pooled), the input of its last layer "
    "(penultimate), or the last feature map without pooling (flat).",
)

precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    multiple=True,
    default=("fp32",),
    show_default=True,
    callback=lambda _context, _option, found: tuple(dict.fromkeys(found)),
    help="Precision of the exported model. fp16 and int8 are converted from fp32. Repeatable.",
)

_calibrate_option = click.option(
    "--calibrate",
    type=Utf8Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="With --precision int8: measure its ranges on the pictures of this folder. Default: parts "
    "of the bundled pictures.",
)

_WEIGHTS_HELP = (
    "auto: cached pretrained weights, otherwise random ones; pretrained: download missing weights; "
    "random: seeded random weights; FILE: a state dict or a training checkpoint."
)

weights_option = click.option(
    "--weights",
    type=lambda text: WeightsRequest.parse(utf8(text)),
    default="auto",
    show_default=True,
    metavar="auto|pretrained|random|FILE",
    help=_WEIGHTS_HELP,
)

_several_weights_option = click.option(
    "--weights",
    type=utf8,
    multiple=True,
    default=("auto",),
    show_default=True,
    metavar="[MODEL=]auto|pretrained|random|FILE",
    help=f"{_WEIGHTS_HELP} MODEL names the only backbone that it is for. Repeatable, also with "
    "several files for one backbone.",
)

_weights_key_option = click.option(
    "--weights-key",
    type=utf8,
    metavar="NAME",
    help="Network to use from a weights file that holds several, such as model_ema.",
)

_mirror_option = click.option(
    "--weights-mirror",
    type=utf8,
    envvar="SIMX_WEIGHTS_MIRROR",
    metavar="URL",
    help="Download pretrained weights from this address instead.",
)

offline_option = click.option(
    "--offline",
    is_flag=True,
    envvar="SIMX_OFFLINE",
    help="Never download weights; use cached ones only.",
)


def _export_options(weights_option: Callable[[F], F]) -> Callable[[F], F]:
    return together(
        embedding_option,
        precision_option,
        _calibrate_option,
        weights_option,
        _weights_key_option,
        _mirror_option,
        offline_option,
    )


export_options = _export_options(weights_option)
evaluation_options = _export_options(_several_weights_option)


def _checked_store(_context: object, _option: object, store: str | None) -> str | None:
    """Warn when other users can change the files of a folder."""
    reason = store and others_may_write(Path(store))
    if store and reason:
        tell(f"store {shown(store)}: {reason}; they can replace the models that you measure")
    return store


def _required_store(context: object, option: object, store: str | None) -> str | None:
    """Require that there is a default, as there is not without a home folder."""
    if store is None:
        raise no_store()
    return _checked_store(context, option, store)


_store_option = partial(
    click.option,
    "--store",
    type=Utf8Path(path_type=str, file_okay=False),
    metavar="DIR|URL",
    envvar="SIMX_STORE",
    default=default_store,
    show_default="the user's cache folder",
    help="Folder that holds the exports, or a URL such as s3://BUCKET/FOLDER.",
)
store_option = _store_option(callback=_required_store)
optional_store_option = _store_option(callback=_checked_store)

_THREADS = click.IntRange(1, 4096)
_THREADS_HELP = "Number of threads for every backend. Default: the cores available to this process."

threads_option = click.option("--threads", type=_THREADS, help=_THREADS_HELP)

setting_options = together(
    click.option(
        "--batch",
        type=powers,
        multiple=True,
        default=("1",),
        show_default=True,
        metavar="N|FIRST-LAST",
        callback=lambda _context, _option, found: tuple(chain.from_iterable(found)),
        help="Pictures of one call; 1-64 are 1, 2, 4 and so on up to 64. Repeatable.",
    ),
    click.option("--threads", type=_THREADS, multiple=True, help=f"{_THREADS_HELP} Repeatable."),
    choice_option(
        "--scenario",
        get_args(Scenario),
        "How queries arrive. single-stream: one after the other; multi-stream: one for each "
        "instance at once; offline: all at the beginning; server: at random times.",
    ),
    click.option(
        "--instances",
        type=click.IntRange(1, 1024),
        multiple=True,
        default=(1,),
        help="Processes that share the queries, and the cores without --threads. Repeatable.",
    ),
    click.option(
        "--rate",
        type=click.FloatRange(0, min_open=True, max=1e6),
        help="Queries per second, for --scenario server.",
    ),
    click.option(
        "--latency-bound",
        type=duration,
        metavar="TIME",
        help="For --scenario server, instead of --rate: find the most queries per second of which "
        "99 % are answered within this time, such as 50ms.",
    ),
    click.option(
        "--shared-session",
        is_flag=True,
        help="Let the instances be callers of one process's network, and not processes.",
    ),
    click.option("--pin/--no-pin", default=True, help="Give each instance cores of its own."),
    click.option(
        "--pause",
        type=duration,
        metavar="TIME",
        help="Measure also calls after so long without one, such as 10ms.",
    ),
    click.option(
        "--duration",
        type=duration,
        metavar="TIME",
        help="Measure one launch for so long, such as 10m, and show what changes meanwhile.",
    ),
)

ranges_option = click.option(
    "--ranges",
    type=ranges_from_edges,
    metavar="EDGES",
    callback=lambda _context, _option, found: DEFAULT_RANGES if found is None else found,
    help="Lower edges of the GFLOPS ranges in the tables, such as 0,1,4,7,9.",
)

_FORMATS = ("table", "markdown", "csv", "json")

verdict_format_option = choice_option("--format", ("table", "markdown", "json"), "Output format.")
format_option = choice_option("--format", _FORMATS, "Output format.")
_PAGE = "Output format; html is one self-contained page"
page_format_option = choice_option("--format", (*_FORMATS, "html"), f"{_PAGE}.")
report_format_option = choice_option(
    "--format",
    (*_FORMATS, "html", "bencher", "github-action-benchmark", "openmetrics", "parquet"),
    f"{_PAGE}, and the last four are for programs that watch figures.",
)

layout_option = choice_option(
    "--layout", ("models", "origin"), "models: one row per model; origin: one column per model."
)

detail_option = click.option(
    "--detail",
    is_flag=True,
    help="With tables: show also stages, placement, memory, parity, first calls and all notes.",
)


def selected(
    names: tuple[str, ...],
    *,
    everything: bool,
    gflops: tuple[Range, ...],
    families: tuple[str, ...],
) -> tuple[Backbone, ...]:
    """Return the selected backbones; ranges and families alone select default weights.

    Raises:
        InputError: A name is unknown, or nothing fits.
    """
    everything = everything or not names
    return select(
        Selection(names=names, everything=everything, ranges=gflops, families=families), load()
    )

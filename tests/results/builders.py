"""Small synthetic reports for the tests of whatever reads one."""

from collections.abc import Mapping, Sequence

import msgspec

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image, Picture
from simx.results.files.journal_lines import Header, Inputs
from simx.results.schema.config import Config
from simx.results.schema.environment import Environment, Memory, ThreadPool
from simx.results.schema.report import (
    Canary,
    Catalogue,
    Cell,
    FailedCell,
    Identity,
    MeasuredCell,
    Parity,
    Published,
    QuotedCell,
    QuotedMedian,
    Report,
    SchemaId,
    Similarity,
    WeightsOrigin,
)
from simx.results.schema.times import Block, Launch, Noise, Scope, Timing

MS = 1_000_000

STAGES: tuple[Scope, ...] = ("pipeline.decode", "pipeline.preprocess", "pipeline.forward")


def launches(*rounds: Sequence[Sequence[int]], calls: int = 1) -> tuple[Launch, ...]:
    """Return launches; each argument is one launch: its blocks' times in nanoseconds."""
    return tuple(
        Launch(
            index=index,
            blocks=tuple(
                Block(round=number, calls=calls, ns=tuple(ns)) for number, ns in enumerate(blocks)
            ),
        )
        for index, blocks in enumerate(rounds)
    )


def with_noise(launch: Launch, noise: Noise) -> Launch:
    """Return a launch whose blocks all have this noise."""
    blocks = tuple(msgspec.structs.replace(block, noise=noise) for block in launch.blocks)
    return msgspec.structs.replace(launch, blocks=blocks)


def around(milliseconds: float, count: int = 5, spread: float = 0.02) -> tuple[Launch, ...]:
    """Return launches of one round of three calls, evenly spread around a time."""
    centers = [
        milliseconds * (1 + spread * (place - (count - 1) / 2) / max(1, count - 1))
        for place in range(count)
    ]
    return launches(
        *([[round(center * MS * step) for step in (0.99, 1, 1.02)]] for center in centers)
    )


def identity(
    model: str = "resnet18",
    weights: str = "IMAGENET1K_V1",
    backend: str = "torch",
    provider: str = "CPUExecutionProvider",
    batch: int = 1,
) -> Identity:
    return Identity(
        model=model,
        weights=weights,
        embedding="pooled",
        backend=backend,
        provider=provider,
        precision="fp32",
        batch=batch,
        threads=2,
    )


def catalogue(gflops: float = 1.81) -> Catalogue:
    return Catalogue(
        family="resnet",
        gflops=gflops,
        embedding_gmacs=gflops,
        params=11689512,
        acc1=69.758,
        acc5=89.078,
    )


def timings(milliseconds: float, count: int = 5) -> tuple[Timing, ...]:
    """Return every scope, derived from the time of one ``forward``."""
    decode: dict[Image, float] = {
        "anchor": 1.5,
        "positive": 1.25,
        "negative": 30.0,
        "negative_resized": 1.4,
    }
    times: dict[tuple[Scope, Image | None], float] = {
        ("forward", None): milliseconds,
        ("first", None): 20 * milliseconds,
    }
    for image in IMAGES:
        parts = (decode[image], 2 * decode[image], milliseconds)
        times[("pipeline", image)] = sum(parts)
        times |= {(stage, image): part for stage, part in zip(STAGES, parts, strict=True)}
    times |= {("similarity", image): 0.025 for image in COMPARED_IMAGES}
    return tuple(
        Timing(scope=scope, image=image, launches=around(time, count))
        for (scope, image), time in times.items()
    )


def measured(
    its: Identity | None = None,
    *,
    milliseconds: float = 50,
    gflops: float = 1.81,
    origin: WeightsOrigin = "pretrained",
    few_calls: bool = False,
    placement: Mapping[str, int] | None = None,
    shape_nodes: int = 0,
    of: tuple[Timing, ...] | None = None,
) -> MeasuredCell:
    return MeasuredCell(
        identity=its or identity(),
        catalogue=catalogue(gflops),
        weights_origin=origin,
        weights_sha256="0" * 64,
        artefact_sha256="1" * 64,
        embedding_dim=512,
        similarity=Similarity(positive=84.126, negative=-1.8293, negative_resized=0.6875),
        parity=Parity(cosine=0.99999998, relative_l2=2.13e-7),
        placement=dict(placement or {}),
        shape_nodes=shape_nodes,
        settings={},
        thread_pools=(ThreadPool(api="openmp", library="libgomp", version=None, threads=2),),
        memory=Memory(before=100 * 2**20, peak=160 * 2**20),
        few_calls=few_calls,
        timings=timings(milliseconds, 1 if few_calls else 5) if of is None else of,
    )


def failed(its: Identity | None = None, *, reason: str = "out of memory") -> FailedCell:
    return FailedCell(
        identity=its or identity(),
        catalogue=catalogue(),
        weights_origin=None,
        stage="load",
        reason=reason,
        command="simx bench resnet18 --backend ort",
    )


def quoted(
    its: Identity | None = None,
    *,
    milliseconds: float = 22.9452,
    gflops: float = 1.81,
    dim: int = 512,
    similarity: Similarity | None = None,
) -> QuotedCell:
    """Return a cell of published figures, as the tables had them that this project began with."""
    medians: dict[tuple[Scope, Image], float] = {
        **{("pipeline", image): milliseconds for image in COMPARED_IMAGES},
        **{("similarity", image): 1.0910 for image in COMPARED_IMAGES},
    }
    return QuotedCell(
        identity=msgspec.structs.replace(its or identity(), threads=None),
        catalogue=Published(family="resnet", gflops=gflops, acc1=69.758, acc5=87.49),
        weights_origin="pretrained",
        embedding_dim=dim,
        decimals=4,
        similarity=similarity
        or Similarity(positive=54.0608, negative=-1.8293, negative_resized=0.6870),
        medians=tuple(
            QuotedMedian(scope=scope, image=image, ns=round(time * MS))
            for (scope, image), time in medians.items()
        ),
    )


def quoted_report(*cells: QuotedCell) -> Report:
    return Report(
        schema=SchemaId(),
        created="2026-01-05T12:00:00Z",
        simx="0.1.0",
        environment=None,
        config=None,
        canary=(),
        cells=cells,
        source="A Report on Backbones",
    )


def canary(
    of: Sequence[Launch],
    model: str = "resnet18",
    *,
    backend: str = "ort",
    provider: str = "CPUExecutionProvider",
    size: int = 512,
) -> Canary:
    """Return the canary's times beside a backbone."""
    return Canary(
        model=model,
        weights="IMAGENET1K_V1",
        backend=backend,
        provider=provider,
        size=size,
        launches=tuple(of),
    )


def report(*cells: Cell, notes: Sequence[str] = ()) -> Report:
    picture = Picture(sha256="2" * 64, width=301, height=167, bytes=9605, bundled=True)
    return Report(
        schema=SchemaId(),
        created="2026-01-05T12:00:00Z",
        simx="0.1.0",
        environment=Environment(
            cpu="Example CPU",
            architecture="x86_64",
            logical_cores=8,
            affinity_cores=2,
            quota_cores=None,
            memory_bytes=16 * 2**30,
            governor="performance",
            boost=True,
            threads_per_core=2,
            gpus=(),
            system="Linux 6.1",
            container=True,
            python="3.11.9",
            libraries={"torch": "2.14.1", "onnxruntime": "1.32.0"},
        ),
        config=Config(
            backbones=("resnet18:IMAGENET1K_V1",),
            backends=("torch", "ort"),
            providers=("CPUExecutionProvider",),
            embedding="pooled",
            precisions=("fp32",),
            batch=1,
            threads=2,
            weights="auto",
            profile="default",
            half_width=0.015,
            budget_seconds=60.0,
            pilot=5,
            launches=40,
            rounds=5,
            seed=42,
            pictures=dict.fromkeys(IMAGES, picture),
        ),
        canary=(),
        cells=cells,
        notes=tuple(notes),
    )


def header(of: Report | None = None) -> Header:
    """Return the first line of a journal, for a run of torch and ORT on resnet18."""
    return Header(inputs=Inputs(store="/store"), report=of or report())

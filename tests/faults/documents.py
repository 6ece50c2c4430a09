"""Small sound files of each kind that simx writes and reads again, and how each is read."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from simx.exporter.store.cache_key import RECIPE
from simx.exporter.store.manifest import (
    ExportIdentity,
    FileRecord,
    Manifest,
    read_manifest,
    sealed,
)
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.results.files import report as report_file
from simx.results.files.journal import read_journal
from simx.results.files.journal_lines import FinishedLaunch
from simx.results.schema.environment import Gpu
from simx.results.schema.report import MeasuredCell, Parity, Report, Stop
from simx.results.schema.times import Launch, Warmup
from tests.report.samples import quotations, two_backbones
from tests.results.builders import around, canary, failed, header, identity, measured, report


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: sound examples, and what reads one."""

    name: str
    read: Callable[[Path], object]
    samples: tuple[bytes, ...]
    lines: bool = False


def kinds() -> tuple[Kind, ...]:
    """Return the kinds whose files are JSON; of a journal, each line is a document."""
    reports = (full_report(), two_backbones(), quotations())
    return (
        Kind("report", report_file.read, tuple(map(report_file.encode, reports))),
        Kind("journal", read_journal, (journal(),), lines=True),
        Kind("manifest", read_forged, (sealed(manifest()),)),
    )


def read_forged(path: Path) -> Manifest:
    """Read a manifest whose own hash fits whatever was changed, if it is one at all."""
    with contextlib.suppress(ValueError, RecursionError, OverflowError):
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
        found.pop("sha256", None)
        forged = msgspec.json.decode(msgspec.json.encode(found), type=Manifest)
        path.write_bytes(sealed(forged))
    return read_manifest(path)


def full_report() -> Report:
    """Return a small report in which every field has something."""
    base = report(
        _with_warmup(measured(of=measured().timings[:2], placement={"CPUExecutionProvider": 3})),
        measured(identity(backend="ort"), of=measured(milliseconds=25).timings[:2]),
        failed(identity("vgg11")),
        notes=["a note"],
    )
    gpu = Gpu(name="A GPU", driver="1.2", memory_bytes=2**34, core_clock_mhz=1, memory_clock_mhz=2)
    assert base.environment is not None
    return msgspec.structs.replace(
        base,
        environment=msgspec.structs.replace(base.environment, gpus=(gpu,), quota_cores=1.5),
        canary=(canary(around(2.0), backend="torch"), canary(around(2.0))),
        stops=(_stop(),),
    )


def journal() -> bytes:
    """Return a journal of a header, each launch of two cells, and how they ended."""
    whole = full_report()
    first = header(msgspec.structs.replace(whole, cells=(), canary=(), stops=()))
    cells = [cell for cell in whole.cells if isinstance(cell, MeasuredCell)]
    count = len(cells[0].timings[0].launches)
    lines = [
        FinishedLaunch(
            cells=tuple(_one_launch(cell, index) for cell in cells),
            canary=tuple(
                msgspec.structs.replace(each, launches=(each.launches[index],))
                for each in whole.canary
            ),
            stop=_stop() if index == count - 1 else None,
        )
        for index in range(count)
    ]
    lines.append(FinishedLaunch(cells=(failed(identity("vgg11")),)))
    return b"".join(msgspec.json.encode(line) + b"\n" for line in (first, *lines))


def manifest(backbone: Backbone | None = None) -> Manifest:
    of = backbone or next(each for each in load() if each.name == "resnet18")
    return Manifest(
        identity=ExportIdentity(
            model=of.model,
            weights=of.weights,
            embedding="pooled",
            precision="fp32",
            weights_origin="random",
        ),
        source="seed 0",
        preset=of.preset,
        embedding_dim=512,
        parity=Parity(cosine=1.0, relative_l2=0.0),
        verified_batches=(1, 4),
        weights=FileRecord(sha256="0" * 64, bytes=5),
        files={"model.onnx": FileRecord(sha256="1" * 64, bytes=7)},
        recipe=RECIPE,
        versions={"simx": "0.1.0"},
        created="2026-01-01T00:00:00Z",
        seconds=1.0,
    )


def _stop() -> Stop:
    return Stop(
        model="resnet18",
        weights="IMAGENET1K_V1",
        launches=5,
        needed=5,
        ended_by="half_width",
        seconds=12.5,
    )


def _with_warmup(cell: MeasuredCell) -> MeasuredCell:
    warmup = Warmup(medians_ns=(3, 2), capped=True)
    timings = tuple(
        msgspec.structs.replace(
            timing,
            launches=tuple(
                msgspec.structs.replace(launch, warmup=warmup) for launch in timing.launches
            ),
        )
        for timing in cell.timings
    )
    return msgspec.structs.replace(cell, timings=timings, settings={"threads": "2"})


def _one_launch(cell: MeasuredCell, index: int) -> MeasuredCell:
    def kept(launches: tuple[Launch, ...]) -> tuple[Launch, ...]:
        return tuple(launch for launch in launches if launch.index == index)

    timings = tuple(
        msgspec.structs.replace(timing, launches=kept(timing.launches)) for timing in cell.timings
    )
    return msgspec.structs.replace(cell, timings=timings)

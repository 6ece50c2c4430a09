"""``--weights pretrained`` from the command line to the store, with a server on loopback."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import safetensors.torch

import simx.cli.options
from simx.cli.showing.progress import Downloads
from simx.common.errors import ExitCode, InputError
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.jobs.from_weights import make
from simx.exporter.jobs.plan import ExportRequest, NotExported
from simx.exporter.weights.cache import (
    checkpoint_bytes,
    checkpoint_path,
    checkpoints_folder,
    remembered_hash,
    size_of,
)
from simx.models.catalogue import load
from tests.cli.support import TRAINED_WEIGHTS, Outcome, Simx
from tests.exporter.weights.server import Answer, Site, serving
from tests.exporter.weights.support import renamed_for, saved

SQUEEZENET, ALEXNET = (
    next(each for each in load() if each.name == name) for name in ("squeezenet1_1", "alexnet")
)


class _Record(msgspec.Struct):
    """The fields of an export's record that are looked at here."""

    status: str
    weights_origin: str | None = None
    path: str | None = None


def _run_here(_workers: ExportWorkers, request: ExportRequest) -> NotExported:
    """Do a worker's work in this process, which has torch already, as far as its first stage."""
    with pytest.raises(InputError) as refused:
        make(request, lambda _: None, [])
    return NotExported(
        backbone=request.order.backbone,
        precision=request.order.identity.precision,
        stage="weights",
        reason=str(refused.value),
        blame="input",
    )


def records(outcome: Outcome) -> list[_Record]:
    return msgspec.json.decode(outcome.out, type=list[_Record])


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    """Trained weights as torchvision publishes its own: written by torch.save."""
    return saved(safetensors.torch.load_file(TRAINED_WEIGHTS))


@pytest.fixture
def published(checkpoint: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A mirror that holds SqueezeNet's checkpoint, whose name carries its hash."""
    named = renamed_for(SQUEEZENET, checkpoint)
    catalogue = tuple(named if each == SQUEEZENET else each for each in load())
    monkeypatch.setattr(simx.cli.options, "load", lambda: catalogue)
    answer = Answer(body=checkpoint, announced=len(checkpoint))
    with serving({checkpoint_path(named).name: answer}) as site:
        yield site


def test_pretrained_weights_come_from_the_server_into_the_store(
    published: Site,
    checkpoint: bytes,
    simx: Simx,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Announced, downloaded, checked, exported, remembered; afterwards nothing is requested."""

    def export(store: str = "store") -> Outcome:
        options = ("--weights-mirror", published.address, "--store", folder / store)
        return simx(
            "export", "squeezenet1_1", "--weights", "pretrained", *options, "--format", "json"
        )

    outcome = export()
    (path,) = (path for path in checkpoints_folder().iterdir() if path.suffix == ".pth")
    beforehand, arrived = outcome.messages

    assert outcome.code == ExitCode.DONE
    assert records(outcome)[0].status == "exported"
    assert records(outcome)[0].weights_origin == "pretrained"
    assert "1 checkpoint is to be downloaded, 5.0 MB in all, into" in beforehand
    assert str(checkpoints_folder()) in beforehand
    assert arrived == f"simx: downloaded {path.name}, {size_of(len(checkpoint))}"
    assert path.read_bytes() == checkpoint
    assert len(published.requests) == 1

    again = export()

    assert (records(again)[0].status, again.messages) == ("present", [])

    damaged = bytearray(checkpoint)
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    monkeypatch.setattr(ExportWorkers, "run", _run_here)
    refused = export("another store")

    assert refused.code == ExitCode.CELLS_FAILED
    assert str(remembered_hash(path.name)) in refused.messages[0]
    assert "damaged or replaced; delete it" in refused.messages[0]

    path.unlink()

    assert (records(export())[0].status, len(published.requests)) == ("present", 1)


def test_a_file_that_is_not_torchvisions_is_refused(
    checkpoint: bytes, simx: Simx, folder: Path
) -> None:
    """Other weights under the checkpoint's name, however good, are not the checkpoint."""
    with serving({}, otherwise=Answer(body=checkpoint, announced=len(checkpoint))) as site:
        outcome = simx(
            *("export", "squeezenet1_1", "--weights", "pretrained", "--store", folder / "store"),
            *("--weights-mirror", site.address),
        )

    assert outcome.code == ExitCode.CELLS_FAILED
    assert "not b8a52dc0 as its name says" in outcome.messages[1]
    assert list(checkpoints_folder().glob("*.pth")) == []


def test_too_little_room_is_an_error_before_the_first_byte(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with what is needed and what is free; nothing was requested."""
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 4_000_000)
    )
    with serving({}) as site:
        outcome = simx(
            *("export", "squeezenet1_1", "alexnet", "--weights", "pretrained"),
            *("--weights-mirror", site.address, "--store", folder / "store"),
        )

    assert (outcome.code, site.requests) == (ExitCode.SYSTEM, [])
    assert "the checkpoints need 249.4 MB, and 4.0 MB are free; make room" in outcome.messages[-1]


def test_without_a_network_each_backbone_has_its_line(simx: Simx, folder: Path) -> None:
    """Only the first one is requested from the host."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcome = simx(
        *("export", "squeezenet1_1", "alexnet", "--weights", "pretrained", "--jobs", "1"),
        *("--weights-mirror", f"http://127.0.0.1:{port}", "--store", folder / "store"),
    )
    _, first, second = outcome.messages

    assert outcome.code == ExitCode.CELLS_FAILED
    assert "was not exported: weights: cannot download" in first
    assert "Connection refused; check the connection" in first
    assert "it could not be reached before (Connection refused)" in second


@pytest.mark.parametrize("how", ["option", "variable"])
def test_offline_nothing_is_requested(
    how: str, simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing fails, and a line says that offline is why."""
    if how == "variable":
        monkeypatch.setenv("SIMX_OFFLINE", "1")
    with serving({}) as site:
        outcome = simx(
            *("export", "squeezenet1_1", "alexnet", "--weights", "pretrained"),
            *("--weights-mirror", site.address, "--store", folder / "store"),
            *(["--offline"] if how == "option" else []),
        )

    assert (outcome.code, site.requests) == (ExitCode.CELLS_FAILED, [])
    assert "offline: 2 checkpoints are not here, and nothing is downloaded" in outcome.messages[0]
    assert len(outcome.messages) == 3
    assert all("leave --offline (SIMX_OFFLINE) out" in line for line in outcome.messages[1:])


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def downloading(said: list[str]) -> Downloads:
    return Downloads([SQUEEZENET, ALEXNET], said.append)


def test_progress_is_each_ones_and_of_all(downloading: Downloads, said: list[str]) -> None:
    """Of several side by side each has its figures, and all of them together."""
    downloading.progress(SQUEEZENET, 1_000_000, 5_000_000)
    downloading.progress(ALEXNET, 20_000_000, None)

    whole = checkpoint_bytes(ALEXNET)

    assert said[-1] == (
        f"downloading squeezenet1_1 20 %, alexnet 8 %: 21.0 MB of {size_of(whole + 5_000_000)}"
    )


def test_what_has_arrived_has_a_line(
    downloading: Downloads, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It stays in the sum and is no longer under way."""
    downloading.progress(SQUEEZENET, 5_000_000, 5_000_000)
    downloading.arrived(SQUEEZENET)
    downloading.end(SQUEEZENET)
    downloading.progress(ALEXNET, 1_000_000, 200_000_000)
    line = f"simx: downloaded {checkpoint_path(SQUEEZENET).name}, 5.0 MB (1 of 2 checkpoints, "

    assert capsys.readouterr().err.startswith(line)
    assert said[-1] == "downloading alexnet 0 %: 6.0 MB of 205.0 MB"


def test_what_failed_no_longer_counts(downloading: Downloads, said: list[str]) -> None:
    """Bytes that were thrown away are not among those that are here."""
    downloading.progress(SQUEEZENET, 1_000_000, 5_000_000)
    downloading.end(SQUEEZENET)
    downloading.progress(ALEXNET, 1_000_000, 200_000_000)

    assert said[-1] == "downloading alexnet 0 %: 1.0 MB of 205.0 MB"

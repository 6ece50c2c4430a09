"""``simx export`` beyond the export itself: plain files, pruning, and what is outdated."""

from pathlib import Path

import msgspec
import pytest

from simx.cli.showing.export_records import ExportRecord
from simx.common.errors import ExitCode
from simx.exporter.jobs.export_workers import ExportWorkers
from simx.exporter.store.cache_key import OLDEST_RECIPE, export_key
from simx.exporter.store.manifest import MANIFEST_FILE, Manifest
from simx.exporter.store.pruning import Needless
from simx.exporter.store.store import Store
from tests.cli.support import Outcome, Simx
from tests.exporter.store.test_store import RESNET18, publish
from tests.faults.exporting import write_fake

KEY = export_key(RESNET18, "pooled", "seed 0")


@pytest.fixture
def store(folder: Path) -> Store:
    """A store with an export as one would be made now."""
    store = Store(folder / "store")
    publish(store, key=KEY)
    return store


def pruned(outcome: Outcome) -> list[tuple[str, str, str | None]]:
    """Return what was pruned: kind, status and model."""
    assert outcome.code == ExitCode.DONE, outcome.err
    records = msgspec.json.decode(outcome.out, type=list[Needless])
    return [(each.kind, each.status, each.model) for each in records]


def outdated(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(manifest, recipe=OLDEST_RECIPE - 1)


def test_what_is_no_longer_needed_is_listed_and_removed(
    simx: Simx, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only listed first, if that is wanted; stdout has the list, stderr the sum."""
    monkeypatch.setenv("COLUMNS", "200")
    old = publish(store, key="a" * 16, changed=outdated)
    (publish(store, source="seed 1", key="b" * 16).folder / MANIFEST_FILE).write_bytes(b"{}")
    prune = ("export", "--prune", "--store", store.root)
    listed = simx(*prune, "--dry-run", "--format", "json")
    shown = simx(*prune, "--dry-run")

    assert pruned(listed) == [
        ("export", "removable", "resnet18"),
        ("export", "removable", None),
        ("weights", "removable", None),
    ]
    assert listed.err == "simx: 3 of 3 could be removed, 0.0 MB in all\n"
    assert old.damage() is None
    assert "replaced: made by an earlier version of simx" in " ".join(shown.out.split())

    removed = pruned(simx(*prune, "--format", "json"))
    assert [status for _, status, _ in removed] == ["removed"] * 3
    assert [entry.key for entry in store.entries()] == [KEY]
    assert pruned(simx(*prune, "--format", "json")) == []


def test_plain_files_come_from_the_store(simx: Simx, store: Store, folder: Path) -> None:
    """Their paths are in the records, and the list goes to stdout."""
    exporting = ("export", "resnet18", "--weights", "random", "--store", store.root)
    outcome = simx(*exporting, "-o", "models", "--format", "json")
    (record,) = msgspec.json.decode(outcome.out, type=list[ExportRecord])

    assert (outcome.code, record.status) == (ExitCode.DONE, "present")
    assert record.output == str(Path("models") / "resnet18.onnx")
    assert (folder / record.output).read_bytes() == b"graph"


def test_a_damaged_export_is_made_again_for_a_plain_file(
    simx: Simx, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size may be right, so that it is noticed when it is copied."""
    monkeypatch.setattr(ExportWorkers, "run", write_fake)
    (entry,) = store.entries()
    entry.model_path.write_bytes(b"Graph")
    exporting = ("export", "resnet18", "--weights", "random", "--store", store.root)
    outcome = simx(*exporting, "-o", "models", "--format", "json")
    (record,) = msgspec.json.decode(outcome.out, type=list[ExportRecord])

    assert (outcome.code, record.status) == (ExitCode.DONE, "exported")
    assert "does not have the hash its manifest names; exporting resnet18 again" in outcome.err
    assert (folder / "models/resnet18.onnx").read_bytes().startswith(b"resnet18 seed 0")


def test_somebody_elses_file_is_noticed_before_any_export(simx: Simx, folder: Path) -> None:
    """One line, exit code 2, and nothing has been done."""
    (folder / "models").mkdir()
    (folder / "models/resnet18.onnx").write_bytes(b"mine")
    outcome = simx("export", "resnet18", "--store", "store", "-o", "models")

    assert (outcome.code, len(outcome.messages)) == (ExitCode.USAGE, 1)
    assert "resnet18.onnx: is not simx's own" in outcome.err
    assert not (folder / "store").exists()


def test_an_outdated_export_is_told_from_others(simx: Simx, folder: Path) -> None:
    """It is there, and would be made again."""
    store = Store(folder / "store")
    publish(store, key="a" * 16, changed=outdated)
    listed = simx("models", "resnet18", "--store", store.root)

    assert "outdated: made by an earlier version of simx" in " ".join(listed.out.split())


@pytest.mark.parametrize("command", [("export",), ("bench",), ("evaluate", ".")])
def test_pictures_of_calibration_are_for_int8(
    simx: Simx, folder: Path, command: tuple[str, ...]
) -> None:
    """Without it they would change nothing, which is refused before any export."""
    outcome = simx(*command, "resnet18", "--calibrate", str(folder), "--store", "store")

    assert (outcome.code, len(outcome.messages)) == (ExitCode.USAGE, 1)
    assert "--calibrate works only with --precision int8" in outcome.err


def test_a_store_behind_a_url_is_shared(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One machine exports; another lists it, and gets its files without an export of its own."""
    monkeypatch.setattr(ExportWorkers, "run", write_fake)
    monkeypatch.setenv("SIMX_STORE", f"file://{folder}/there")
    made = simx("export", "resnet18", "--weights", "random", "--format", "json")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "another"))
    monkeypatch.delattr(ExportWorkers, "run")
    (listed,) = msgspec.json.decode(simx("models", "resnet18", "--format", "json").out)
    export = ("export", "resnet18", "--weights", "random", "-o", "models", "--format", "json")
    (brought,) = msgspec.json.decode(simx(*export).out, type=list[ExportRecord])
    doctor = simx("doctor", "--backend", "ort", "--format", "json")

    assert made.code == ExitCode.DONE
    copy = Path(listed["path"])
    assert copy.is_relative_to(folder / "another")
    assert (brought.status, brought.path) == ("present", str(copy))
    assert (folder / "models/resnet18.onnx").read_bytes() == copy.read_bytes()
    assert msgspec.json.decode(doctor.out)["store"]["exports"] == 1


def test_nothing_is_pruned_behind_a_url(simx: Simx, folder: Path) -> None:
    """One line, and nothing of it is written, here or there."""
    outcome = simx("export", "--prune", "--store", f"file://{folder}/there")

    assert (outcome.code, len(outcome.messages)) == (ExitCode.USAGE, 1)
    assert "--prune: store file://" in outcome.err
    assert [*folder.iterdir()] == []


def test_a_url_that_cannot_be_written_is_noticed_before_any_export(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the system's failure, in one line."""
    monkeypatch.delattr(ExportWorkers, "run")
    (folder / "there").write_bytes(b"a file")
    outcome = simx("export", "resnet18", "--weights", "random", "--store", f"file://{folder}/there")

    assert (outcome.code, len(outcome.messages)) == (ExitCode.SYSTEM, 1)
    assert f"store file://{folder}/there: cannot be reached (" in outcome.err

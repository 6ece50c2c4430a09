"""The store: entries appear whole, are found by what they are, and damage is noticed."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import msgspec
import pytest

from simx.common import locking
from simx.common.errors import InputError, SystemFailureError
from simx.exporter.store.cache_key import library_versions
from simx.exporter.store.entry import Entry, record_of
from simx.exporter.store.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    VERIFICATION_FILE,
    ExportIdentity,
    Manifest,
    Quantised,
    sealed,
)
from simx.exporter.store.store import Store
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.results.schema.report import WeightsOrigin
from tests.faults.documents import manifest

RESNET18 = next(backbone for backbone in load() if backbone.name == "resnet18")
RESNET34 = next(backbone for backbone in load() if backbone.name == "resnet34")


def publish(
    store: Store,
    *,
    backbone: Backbone = RESNET18,
    origin: WeightsOrigin = "random",
    source: str = "seed 0",
    key: str = "0123456789abcdef",
    created: str = "2026-01-01T00:00:00Z",
    content: bytes = b"graph",
    changed: Callable[[Manifest], Manifest] = lambda manifest: manifest,
) -> Entry:
    """Publish an entry with small files in the place of real ones, its manifest as it is wanted."""
    with store.workspace() as workspace:
        folder, weights = workspace / "entry", workspace / "weights.safetensors"
        folder.mkdir()
        (folder / MODEL_FILE).write_bytes(content)
        (folder / VERIFICATION_FILE).write_bytes(b"answers")
        weights.write_bytes(b"weights of " + source.encode())
        usual = manifest(backbone)
        published = msgspec.structs.replace(
            usual,
            identity=msgspec.structs.replace(usual.identity, weights_origin=origin),
            source=source,
            weights=record_of(weights),
            files={path.name: record_of(path) for path in folder.iterdir()},
            versions=dict(library_versions()),
            created=created,
        )
        return store.publish(folder, weights, changed(published), key)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_was_published_is_found_again(store: Store) -> None:
    """An entry is found by backbone and embedding, with its files as they were."""
    published = publish(store)
    (found,) = store.held(RESNET18, "pooled")

    assert found == published
    assert found.key == "0123456789abcdef"
    assert found.model_path.read_bytes() == b"graph"
    assert found.damage() is None


def test_the_version_before_is_read(store: Store) -> None:
    """A manifest without the reading of a file, as the version before wrote it, is sound."""
    published = publish(store, changed=lambda each: msgspec.structs.replace(each, version=3))
    (found,) = store.held(RESNET18, "pooled")

    assert found == published
    assert b"file_reading" not in (found.folder / MANIFEST_FILE).read_bytes()


def test_an_int8_export_of_an_earlier_state_is_read(store: Store) -> None:
    """It names no nodes of the beginning. It is sound, so that it can be outdated or pruned."""
    earlier = Quantised(error=0.1, error_without_choice=0.3)
    published = publish(store, changed=lambda of: msgspec.structs.replace(of, quantised=earlier))
    (found,) = store.held(RESNET18, "pooled")

    assert found == published
    assert b"beginning" not in (found.folder / MANIFEST_FILE).read_bytes()


def test_other_things_are_not_found(store: Store) -> None:
    """Another backbone or embedding is not answered with what happens to be there."""
    publish(store)

    assert store.held(RESNET34, "pooled") == []
    assert store.held(RESNET18, "flat") == []


def test_an_entry_in_another_ones_place_is_none(store: Store) -> None:
    """What was copied or moved to where another backbone is looked up does not pass for it."""
    notices: list[str] = []
    store = Store(store.root, notices.append)
    entry = publish(store)
    place = store.root / "exports" / RESNET34.model / RESNET34.weights / entry.folder.name
    shutil.copytree(entry.folder, place)

    assert store.held(RESNET34, "pooled") == []
    assert "is another export's" in notices[0]


def test_a_sound_entry_is_not_published_again(store: Store) -> None:
    """An entry that another process has published under the same key stays; no file is left."""
    first = publish(store, content=b"old")
    second = publish(store, content=b"new")

    assert second == first
    assert second.model_path.read_bytes() == b"old"
    assert store.entries() == [first]
    assert list((store.root / "unfinished").iterdir()) == []


def test_publishing_replaces_what_is_damaged(store: Store) -> None:
    """An entry of the same key takes the place of one that is not sound, and nothing is left."""
    publish(store, content=b"old").model_path.write_bytes(b"odd")
    entry = publish(store, content=b"new")

    assert entry.model_path.read_bytes() == b"new"
    assert store.entries() == [entry]
    assert list((store.root / "unfinished").iterdir()) == []


@pytest.mark.parametrize("name", [MODEL_FILE, VERIFICATION_FILE])
def test_one_flipped_bit_is_noticed(store: Store, name: str) -> None:
    """A file whose content changed is damage, whatever its size says."""
    entry = publish(store)
    path = entry.folder / name
    data = bytearray(path.read_bytes())
    data[2] ^= 1
    path.write_bytes(data)

    assert entry.is_complete()
    assert name in str(entry.damage())


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        ("no weights", "cannot be read"),
        ("a link", "is a link"),
        ("a second name", "has 2 names"),
        ("a pipe", "is no regular file"),
        ("a linked folder", "leads out of the store"),
    ],
)
def test_only_regular_files_of_one_name_are_stored(
    store: Store, tmp_path: Path, harm: str, words: str
) -> None:
    """Who cannot write to the store could change others; a pipe is not waited for."""
    entry, outside = publish(store), tmp_path / "outside"
    match harm:
        case "no weights":
            entry.weights_path.unlink()
        case "a link":
            entry.model_path.rename(outside)
            entry.model_path.symlink_to(outside)
        case "a second name":
            outside.hardlink_to(entry.model_path)
        case "a pipe":
            entry.model_path.unlink()
            os.mkfifo(entry.model_path)
        case _:
            entry.folder.rename(outside)
            entry.folder.symlink_to(outside)

    assert words in str(entry.damage())
    assert entry.is_complete() == (harm not in {"no weights", "a pipe"})


def test_a_discarded_entry_is_gone(store: Store) -> None:
    """Discarding removes the entry, and leaves sound weights to others that share them."""
    entry = publish(store)
    other = publish(store, key="f" * 16)
    entry.model_path.write_bytes(b"odd")
    store.discard(entry)

    assert store.entries() == [other]
    assert other.damage() is None


def test_a_repaired_entry_is_not_discarded(store: Store) -> None:
    """Another process may have published it again since it was found damaged; or discarded it."""
    entry = publish(store)
    store.discard(entry)

    assert entry.damage() is None
    entry.model_path.write_bytes(b"odd")
    store.discard(entry)
    store.discard(entry)
    assert store.entries() == []


def test_damaged_weights_are_discarded(store: Store) -> None:
    """A weights file that is not what its name says is removed with the entry."""
    entry = publish(store)
    entry.weights_path.write_bytes(b"other")
    store.discard(entry)

    assert not entry.weights_path.exists()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"not json",
        b"{}",
        b'{"name": "simx-export", "version": 99}',
        b"[" * 100_000,
    ],
)
def test_an_unreadable_manifest_is_no_entry(store: Store, damage: bytes) -> None:
    """A foreign manifest is ignored, with one notice."""
    notices: list[str] = []
    store = Store(store.root, notices.append)
    entry = publish(store)
    path = entry.folder / MANIFEST_FILE
    path.write_bytes(damage)

    assert store.entries() == []
    assert len(notices) == 1
    assert notices[0].startswith(f"manifest {path}: is ")
    assert "remove its folder, or export the backbone again" in notices[0]
    assert store.held(RESNET18, "pooled") == []


@pytest.mark.parametrize("name", ["../../escape.onnx", "/etc/passwd", "a/b", ".."])
def test_a_manifest_that_points_elsewhere_is_no_entry(store: Store, name: str) -> None:
    """A manifest may name files beside itself and nothing else."""
    entry = publish(store)
    files = {name: entry.manifest.files[MODEL_FILE]}
    manifest = msgspec.structs.replace(entry.manifest, files=files)
    (entry.folder / MANIFEST_FILE).write_bytes(sealed(manifest))

    assert store.held(RESNET18, "pooled") == []


def test_the_workspace_is_always_removed(store: Store) -> None:
    """Nothing unfinished stays behind a failure."""

    def fail() -> None:
        with store.workspace() as workspace:
            (workspace / "half").write_bytes(b"x")
            raise RuntimeError("out of cheese")

    with pytest.raises(RuntimeError, match="cheese"):
        fail()

    assert list((store.root / "unfinished").iterdir()) == []


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """A path that is no folder is the user's mistake."""
    (tmp_path / "store").write_text("x")
    with pytest.raises(InputError, match="is a file, not a folder"):
        Store(tmp_path / "store").require_writable()


def test_a_store_that_cannot_be_written_is_named() -> None:
    """A folder the system does not let us make is a failure of the system."""
    with pytest.raises(SystemFailureError, match=r"store /proc/simx: cannot be written"):
        Store(Path("/proc/simx")).require_writable()


def test_the_graphs_hash_covers_all_its_files(store: Store) -> None:
    """A graph of one file has that file's hash; one with its weights beside it another."""
    manifest = publish(store).manifest
    alone = manifest.files[MODEL_FILE]
    data = {"model.onnx.data": manifest.files[VERIFICATION_FILE]}
    larger = msgspec.structs.replace(manifest, files=manifest.files | data)

    assert manifest.graph_sha256 == alone.sha256
    assert larger.graph_sha256 not in {record.sha256 for record in larger.files.values()}


def test_of_many_that_publish_the_first_one_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the file system has no locks: an entry appears by one rename."""
    monkeypatch.setattr(locking, "try_lock", lambda *_, **__: True)
    together = Barrier(8)
    contents = [f"graph of {number}".encode() for number in range(8)]

    def first_after_all(identity: ExportIdentity, key: str) -> Entry | None:
        found = Store.entry_at(store, identity, key)
        if found is None:
            with suppress(BrokenBarrierError):
                together.wait(timeout=5)
        return found

    monkeypatch.setattr(store, "entry_at", first_after_all)
    with ThreadPoolExecutor(8) as pool:
        entries = [*pool.map(lambda content: publish(store, content=content), contents)]
    (found,) = Store(store.root).entries()

    assert found.damage() is None
    assert found.model_path.read_bytes() in contents
    assert {entry.manifest.graph_sha256 for entry in entries} >= {found.manifest.graph_sha256}
    assert {entry.folder for entry in entries} == {found.folder}
    assert all(entry.damage() is None for entry in entries if entry.manifest == found.manifest)

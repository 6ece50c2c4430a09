"""Pruning removes needless files and no others, while other processes use the store."""

import os
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from simx.exporter.store import cache_key
from simx.exporter.store.cache_key import OLDEST_RECIPE, RECIPE
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import MANIFEST_FILE, MANIFEST_VERSION, sealed
from simx.exporter.store.pruning import Needless, needless, prune
from simx.exporter.store.store import Store
from simx.models.catalogue import load
from tests.exporter.store.test_lookup import HERE, checkpoint, put
from tests.exporter.store.test_store import publish

EARLIER = HERE | {"torch": "2.13.0"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store in an environment of these libraries."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(cache_key, "library_versions", lambda: HERE)
    return Store(tmp_path / "store")


def pruned(store: Store) -> dict[str, str]:
    """Prune, and return the reasons for what was removed, by kind."""
    listed = needless(store, load())
    found = list(prune(store, load()))

    assert [msgspec.structs.replace(each, status="removable") for each in found] == listed
    assert {each.status for each in found} <= {"removed"}
    assert not any(Path(each.path).exists() for each in found)
    assert needless(store, load()) == []
    return {each.kind: each.reason for each in found}


def statuses(found: list[Needless]) -> list[str]:
    return [each.status for each in found]


def rewritten(entry: Entry, **changes: object) -> None:
    """Write an entry's manifest anew, with other fields."""
    manifest = msgspec.structs.replace(entry.manifest, **changes)
    (entry.folder / MANIFEST_FILE).write_bytes(sealed(manifest))


def test_an_empty_store_has_nothing_needless(store: Store) -> None:
    """Nor does one that was never made, which stays so."""
    assert pruned(store) == {}
    assert not store.root.exists()


def test_what_others_replaced_goes(store: Store) -> None:
    """An export of earlier libraries goes when one of these is there; shared weights stay."""
    old = put(store, versions=EARLIER, key="a" * 16)
    assert needless(store, load()) == []

    new = put(store)
    assert pruned(store) == {"export": "replaced: made with torch 2.13.0"}
    assert not old.folder.exists()
    assert new.damage() is None


def test_what_an_earlier_recipe_made_goes(store: Store) -> None:
    """As soon as there is another one; a later version's exports are its own business."""
    put(store)
    put(store, recipe=OLDEST_RECIPE - 1, key="a" * 16)
    later = put(store, recipe=RECIPE + 1, key="b" * 16)

    assert list(pruned(store)) == ["export"]
    assert later.damage() is None


def test_an_export_of_a_replaced_checkpoint_goes(store: Store) -> None:
    """With its weights, which nothing else was made from."""
    put(store, origin="pretrained", source=checkpoint())
    old = put(store, origin="pretrained", source="checkpoint sha256 00000000")

    assert pruned(store) == {
        "export": "replaced: made from other weights (checkpoint sha256 00000000)",
        "weights": "no export was made from it",
    }
    assert not old.weights_path.exists()


def test_what_is_not_the_same_stays(store: Store) -> None:
    """Other seeds, files and origins are no replacement for each other, outdated or not."""
    kept = [
        put(store),
        put(store, source="seed 1", versions=EARLIER, key="a" * 16),
        put(store, origin="file", source="sha256 00", versions=EARLIER, key="b" * 16),
        put(store, origin="pretrained", source=checkpoint(), versions=EARLIER, key="c" * 16),
    ]

    assert pruned(store) == {}
    assert all(entry.damage() is None for entry in kept)


def test_a_damaged_replacement_replaces_nothing(store: Store) -> None:
    """The damaged one goes, the outdated one stays."""
    old = put(store, versions=EARLIER, key="a" * 16)
    put(store).model_path.write_bytes(b"Graph")

    assert pruned(store)["export"].startswith("damaged: ")
    assert old.damage() is None


def test_damaged_weights_take_their_exports_along(store: Store) -> None:
    """Nothing that refers to them can be measured."""
    put(store).weights_path.write_bytes(b"Weights of seed 0")

    assert set(pruned(store)) == {"export", "weights"}


@pytest.mark.parametrize("content", [b"{}", b"\xff", b'{"name": "simx-export", "version": 1}'])
def test_an_unreadable_manifest_goes(store: Store, content: bytes) -> None:
    """No process can find such an export any more."""
    (put(store).folder / MANIFEST_FILE).write_bytes(content)

    assert set(pruned(store)) == {"export", "weights"}


def test_a_folder_without_a_manifest_goes(store: Store) -> None:
    """Simx never leaves it so; it was removed by hand."""
    (put(store).folder / MANIFEST_FILE).unlink()

    assert pruned(store)["export"] == "has no manifest that can be read"


def test_what_a_later_version_wrote_stays(store: Store) -> None:
    """With the weights that it names."""
    entry = put(store)
    rewritten(entry, version=MANIFEST_VERSION + 1)

    assert pruned(store) == {}
    assert entry.weights_path.exists()


def test_where_weights_may_be_named_none_goes(store: Store) -> None:
    """A later version may name them in a way that this one cannot read."""
    entry = put(store)
    later = f'{{"name": "simx-export", "version": {MANIFEST_VERSION + 1}}}'
    (entry.folder / MANIFEST_FILE).write_text(later)

    assert pruned(store) == {}
    assert entry.weights_path.exists()


def test_files_of_others_stay(store: Store) -> None:
    """What simx did not make is not simx's to remove."""
    put(store)
    strangers = [
        store.root / "notes.txt",
        store.root / "weights" / "mine",
        store.root / "exports/x",
    ]
    for path in strangers:
        path.write_bytes(b"mine")

    assert pruned(store) == {}
    assert all(path.exists() for path in strangers)


def test_an_export_that_is_measured_stays(store: Store) -> None:
    """And goes when they have finished."""
    put(store)
    old = put(store, versions=EARLIER, key="a" * 16)
    with old.in_use():
        assert statuses(list(prune(store, load()))) == ["in use"]
        assert old.damage() is None

    assert set(pruned(store)) == {"export"}


def test_what_is_open_stays_open(store: Store) -> None:
    """A process that has opened a file of a removed export reads it to its end."""
    put(store)
    old = put(store, versions=EARLIER, key="a" * 16)
    with old.model_path.open("rb") as file:
        pruned(store)

        assert file.read() == b"graph"


def test_a_repaired_export_stays(store: Store) -> None:
    """Between listing and removing, another process may have exported it again."""
    first, second = put(store), put(store, source="seed 1")
    for entry in (first, second):
        entry.model_path.write_bytes(b"Graph")
    pruning = prune(store, load())
    assert next(pruning).status == "removed"
    mended = first if second.folder < first.folder else second
    mended.model_path.write_bytes(b"graph")

    # Its weights were listed with it, and are needed again too.
    assert statuses(list(pruning))[0] == "kept"
    assert mended.damage() is None


def test_weights_that_are_published_again_stay(store: Store) -> None:
    """They are looked at again when nothing can be published."""
    entry = put(store)
    (entry.folder / MANIFEST_FILE).write_bytes(b"{}")
    pruning = prune(store, load())
    assert next(pruning).kind == "export"
    again = publish(store)
    assert again.weights_path == entry.weights_path

    assert statuses(list(pruning)) == ["kept"]
    assert again.damage() is None


def test_unfinished_work_of_ended_processes_goes(store: Store) -> None:
    """What a living process works in stays."""
    left = store.root / "unfinished" / "left"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"half")
    with store.workspace() as held:
        for folder in (left, held):
            os.utime(folder, (time.time() - 60,) * 2)

        assert pruned(store) == {"unfinished": "left by a process that has ended"}
        assert held.is_dir()


def test_free_locks_go(store: Store) -> None:
    """They are empty files, and are not worth a line."""
    entry = put(store)
    with store.exporting(entry.manifest.identity, "a" * 16, wait=False):
        (store.root / "locks" / "left.lock").touch()
        assert pruned(store) == {}
        assert len(list((store.root / "locks").iterdir())) == 1


def test_sizes_are_given(store: Store) -> None:
    """Of an export, what its folder takes; the weights have a line of their own."""
    entry = put(store)
    (entry.folder / MANIFEST_FILE).write_bytes(b"{}")
    export, weights = needless(store, load())

    assert export.bytes == len(b"graph") + len(b"answers") + len(b"{}")
    assert weights.bytes == len(b"weights of seed 0")
    assert export.model is None


def test_another_precision_goes_with_what_it_was_made_from(store: Store) -> None:
    """It is found while its fp32 export is there, and not afterwards."""
    full = put(store)
    reduced = full.folder.with_name(full.folder.name.replace("fp32", "int8"))
    shutil.copytree(full.folder, reduced)
    entry = msgspec.structs.replace(full, folder=reduced)
    identity = msgspec.structs.replace(full.manifest.identity, precision="int8")
    rewritten(entry, identity=identity, made_from=full.manifest.graph_sha256)
    assert needless(store, load()) == []

    rewritten(entry, identity=identity, made_from="0" * 64)
    assert "is gone" in pruned(store)["export"]
    assert full.damage() is None

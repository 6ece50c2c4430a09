"""One flipped bit anywhere in a stored file is noticed by every loader, every time."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest

from simx.common.errors import InputError
from simx.exporter.store.entry import DamagedEntryError, Entry, confined, record_of
from simx.exporter.store.manifest import MANIFEST_FILE, MODEL_FILE, VERIFICATION_FILE, Manifest
from simx.exporter.store.store import Store
from simx.exporter.verification.reference import Reference, load_reference
from tests.exporter.store.test_store import RESNET18, publish


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    """An entry whose verification reference is one, and whose graph has data beside it."""
    chance = Random(1)

    def changed(manifest: Manifest) -> Manifest:
        (prepared,) = (tmp_path / "store" / "unfinished").glob("*/entry")
        pixels = np.frombuffer(chance.randbytes(2 * 8 * 8 * 3), np.uint8).reshape(2, 8, 8, 3)
        Reference(pixels, np.ones((2, 5), np.float32)).save(prepared / VERIFICATION_FILE)
        (prepared / f"{MODEL_FILE}.data").write_bytes(chance.randbytes(20_000))
        files = {path.name: record_of(path) for path in sorted(prepared.iterdir())}
        return msgspec.structs.replace(manifest, files=files, peak_bytes=123_456_789)

    return publish(Store(tmp_path / "store"), content=chance.randbytes(5000), changed=changed)


def load_all(store: Store) -> Manifest:
    """Load everything of a store's one entry, each file as its own loader does it.

    Raises:
        LookupError: the entry is not found.
        DamagedEntryError: a file that is executed is damaged.
        InputError: the verification reference is damaged.
    """
    found = store.held(RESNET18, "pooled")
    if not found:
        raise LookupError("no entry")
    (entry,) = found
    with confined(entry.folder, entry.manifest.graph_files):
        pass
    with confined(entry.weights_path.parent, {entry.weights_path.name: entry.manifest.weights}):
        pass
    load_reference(entry.verification_path, entry.manifest.files[VERIFICATION_FILE])
    return entry.manifest


def test_a_flipped_bit_is_noticed(
    entry: Entry, often: Callable[[int, int], int], counted: Callable[[str], None]
) -> None:
    """In models, their data, weights, references and manifests, wherever it is."""
    store = Store(entry.store)
    names = (MODEL_FILE, f"{MODEL_FILE}.data", VERIFICATION_FILE, MANIFEST_FILE)
    paths = [*(entry.folder / name for name in names), entry.weights_path]
    chance = Random(2)
    times = often(100, 1000)
    missed = []
    assert load_all(store) == entry.manifest
    for trial in range(times):
        path = paths[trial % len(paths)]
        sound = path.read_bytes()
        place, bit = chance.randrange(len(sound)), chance.randrange(8)
        damaged = bytearray(sound)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            load_all(store)
        except (LookupError, DamagedEntryError, InputError):
            pass
        else:
            missed.append((path.name, place, bit))
        path.write_bytes(sound)

    assert missed == []
    assert load_all(store) == entry.manifest
    counted(f"store: {times - len(missed)} of {times} flipped bits noticed")

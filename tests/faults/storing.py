"""Processes that share a store: some publish what others publish too, some read all the while.

Run as ``python -m tests.faults.storing ROLE STORE SEED TIMES``.
"""

import random
import sys
from pathlib import Path

from simx.exporter.store.store import Store
from tests.exporter.store.test_store import RESNET18, publish

KEYS = tuple(letter * 16 for letter in "abc")


def write(store: Store, chance: random.Random, times: int) -> None:
    """Publish entries of few keys, so that most of them are there or come at the same time."""
    for _ in range(times):
        key = chance.choice(KEYS)
        publish(store, key=key, source=f"seed {key}", content=key.encode() * 1000)


def damage(store: Store, chance: random.Random, times: int) -> None:
    """Discard what is not damaged, which must leave it alone."""
    for _ in range(times):
        for entry in store.entries():
            if chance.random() < 0.5:
                store.discard(entry)


def read(store: Store, _chance: random.Random, times: int) -> None:
    """Find and verify entries; what was found once is never gone or changed."""
    seen: set[str] = set()
    while len(seen) < len(KEYS) or times > 0:
        times -= 1
        found = {entry.folder.name for entry in store.entries()}
        assert seen <= found, f"{seen - found} are gone"
        seen = found
        for entry in store.entries():
            assert entry.damage() is None
        assert found <= {entry.folder.name for entry in store.held(RESNET18, "pooled")}


ROLES = {"write": write, "damage": damage, "read": read}

if __name__ == "__main__":
    role, store, seed, times = sys.argv[1:]
    ROLES[role](Store(Path(store)), random.Random(int(seed)), int(times))

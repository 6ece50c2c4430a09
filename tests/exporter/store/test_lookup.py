"""Which export answers a request: the one that an export here would make, where one can be made."""

from pathlib import Path

import msgspec
import pytest

from simx.exporter.store import cache_key
from simx.exporter.store.cache_key import OLDEST_RECIPE, RECIPE, converted_key, export_key, outdated
from simx.exporter.store.entry import Entry
from simx.exporter.store.lookup import answering, best, find_export, held_backbones
from simx.exporter.store.manifest import Manifest, Quantised
from simx.exporter.store.store import Store
from simx.exporter.weights.cache import checkpoint_path, hash_prefix
from simx.exporter.weights.locate import locate
from simx.exporter.weights.request import WeightsRequest
from simx.results.schema.report import WeightsOrigin
from tests.exporter.store.test_store import RESNET18, RESNET34, publish

AUTO, PRETRAINED, RANDOM = (
    WeightsRequest("auto"),
    WeightsRequest("pretrained"),
    WeightsRequest("random"),
)
HERE = {
    "simx": "0.1.0",
    "torch": "2.14.1",
    "torchvision": "0.29.1",
    "onnx": "1.23.2",
    "onnxscript": "0.7.2",
    "onnxruntime": "1.32.0",
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store, beside an empty cache of checkpoints."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return Store(tmp_path / "store")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The libraries that are installed, for a test to change."""
    versions = dict(HERE)
    monkeypatch.setattr(cache_key, "library_versions", lambda: versions)
    return versions


def put(
    store: Store,
    *,
    origin: WeightsOrigin = "random",
    source: str = "seed 0",
    key: str | None = None,
    recipe: int = RECIPE,
    versions: dict[str, str] = HERE,
    created: str = "2026-01-01T00:00:00Z",
) -> Entry:
    """Publish an entry as an export would have keyed it, unless a test wants it otherwise."""

    def made(manifest: Manifest) -> Manifest:
        return msgspec.structs.replace(manifest, recipe=recipe, versions=dict(versions))

    return publish(
        store,
        origin=origin,
        source=source,
        key=key or export_key(RESNET18, "pooled", source),
        created=created,
        changed=made,
    )


OTHER = "checkpoint sha256 00000000"


def checkpoint() -> str:
    """Return what an export of the checkpoint that the catalogue names says of its source."""
    return f"checkpoint sha256 {hash_prefix(checkpoint_path(RESNET18).name)}"


def find(store: Store, request: WeightsRequest) -> Entry | None:
    return find_export(store, RESNET18, "pooled", request)


def test_an_export_made_as_here_is_found(store: Store, here: dict[str, str]) -> None:
    """It is what an export now would make, and is not outdated."""
    entry = put(store, versions=here)

    assert find(store, AUTO) == find(store, RANDOM) == entry
    assert outdated(entry, RESNET18) is None


@pytest.mark.parametrize("name", ["torch", "torchvision", "onnx", "onnxscript"])
def test_other_libraries_make_another_export(store: Store, here: dict[str, str], name: str) -> None:
    """What they change in a file is theirs, so the old one is left to be made again."""
    entry = put(store)
    here[name] = "99.0"

    assert find(store, AUTO) is None
    assert answering(store, RESNET18, "pooled", AUTO) == entry
    assert outdated(entry, RESNET18) == f"made with {name} {HERE[name]}"


@pytest.mark.parametrize("name", ["simx", "onnxruntime"])
def test_nothing_is_made_again_for_nothing(store: Store, here: dict[str, str], name: str) -> None:
    """Another ONNX Runtime (or another build of it) would verify the same file."""
    entry = put(store)
    here.pop(name)

    assert find(store, AUTO) == entry


def test_another_recipe_makes_another_export(store: Store, here: dict[str, str]) -> None:
    """A file of an earlier recipe is never taken where a new one can be made."""
    entry = put(store, recipe=OLDEST_RECIPE - 1, key="a" * 16, versions=here)

    assert find(store, AUTO) is None
    assert "an earlier version of simx (0.1.0)" in str(outdated(entry, RESNET18))


def test_an_outdated_export_never_hides_a_current_one(store: Store, here: dict[str, str]) -> None:
    """However late it was made: by another environment that shares the store, say."""
    current = put(store, versions=here)
    put(store, key="a" * 16, versions=HERE | {"torch": "2.13.0"}, created="2027-01-01T00:00:00Z")

    assert find(store, AUTO) == current


def test_without_torch_any_export_will_do(store: Store, here: dict[str, str]) -> None:
    """There is nothing to compare libraries with, and nothing could be made again."""
    put(store, recipe=OLDEST_RECIPE - 1, key="b" * 16, created="2027-01-01T00:00:00Z")
    entry = put(store, versions=HERE | {"torch": "2.13.0"}, key="a" * 16)
    for name in ("torch", "torchvision", "onnx", "onnxscript"):
        here.pop(name)

    assert find(store, AUTO) == entry
    assert outdated(entry, RESNET18) is None


def test_without_torch_an_earlier_recipe_is_named(store: Store, here: dict[str, str]) -> None:
    """It is used where there is no other, but not unknowingly."""
    entry = put(store, recipe=OLDEST_RECIPE - 1, key="b" * 16)
    here.pop("torch")

    assert find(store, AUTO) == entry
    assert "an earlier version" in str(outdated(entry, RESNET18))


def test_other_weights_make_another_export(store: Store, here: dict[str, str]) -> None:
    """An export of a checkpoint that torchvision has replaced is outdated."""
    put(store, origin="pretrained", source="checkpoint sha256 00000000", versions=here)
    assert find(store, PRETRAINED) is None

    current = put(store, origin="pretrained", source=checkpoint(), versions=here)
    assert find(store, PRETRAINED) == find(store, AUTO) == current


def test_pretrained_weights_outlive_their_checkpoint(store: Store, here: dict[str, str]) -> None:
    """``auto`` downloads nothing: what is in the store is all there is, outdated or not."""
    put(store, versions=here)
    entry = put(store, origin="pretrained", source=checkpoint(), versions=here)
    here["torch"] = "99.0"
    assert find(store, AUTO) == entry
    assert find(store, PRETRAINED) is None

    checkpoint_path(RESNET18).parent.mkdir(parents=True)
    checkpoint_path(RESNET18).touch()
    assert find(store, AUTO) is None


def test_random_weights_are_those_of_the_seed(store: Store, here: dict[str, str]) -> None:
    """Weights of another seed are other weights."""
    other = put(store, source="seed 1", versions=here)

    assert find(store, RANDOM) is None
    assert find_export(store, RESNET18, "pooled", RANDOM, seed=1) == other


def test_a_file_is_answered_by_its_own_export(
    store: Store, here: dict[str, str], tmp_path: Path
) -> None:
    """It is known by its content, and answers no request that does not name it."""
    weights = tmp_path / "weights"
    weights.write_bytes(b"mine")
    request = WeightsRequest("file", weights)
    label = locate(RESNET18, request).label()
    entry = put(store, origin="file", source=label, versions=here)
    assert find(store, request) == entry
    assert find(store, AUTO) is None

    weights.write_bytes(b"other")
    assert find(store, request) is None


def test_what_is_outdated_is_held_all_the_same(store: Store, here: dict[str, str]) -> None:
    """A benchmark of everything in the store makes it again instead of leaving it out."""
    put(store, recipe=OLDEST_RECIPE - 1, key="a" * 16, versions=here)

    assert held_backbones(store, (RESNET34, RESNET18), "pooled", AUTO) == (RESNET18,)


def test_the_best_of_all_is_listed(store: Store, here: dict[str, str]) -> None:
    """By origin, then whether it is current, then the latest."""
    first = put(store, versions=here, created="2026-01-01T00:00:00Z")
    put(
        store, recipe=OLDEST_RECIPE - 1, key="a" * 16, versions=here, created="2027-01-01T00:00:00Z"
    )
    assert best(RESNET18, store.held(RESNET18, "pooled")) == first

    pretrained = put(
        store, origin="pretrained", source=OTHER, key="c" * 16, created="2025-01-01T00:00:00Z"
    )
    assert best(RESNET18, store.held(RESNET18, "pooled")) == pretrained


def test_a_key_is_of_what_changes_the_files(here: dict[str, str]) -> None:
    """Each of them gives another key; figures of the catalogue do not."""
    base = export_key(RESNET18, "pooled", "seed 0")
    larger = msgspec.structs.replace(RESNET18.preset, crop=232)
    others = {
        export_key(RESNET18, "flat", "seed 0"),
        export_key(RESNET18, "pooled", "seed 1"),
        export_key(msgspec.structs.replace(RESNET18, preset=larger), "pooled", "seed 0"),
        export_key(RESNET34, "pooled", "seed 0"),
    }
    corrected = msgspec.structs.replace(RESNET18, acc1=1.0)

    assert len(others | {base}) == 5
    assert export_key(corrected, "pooled", "seed 0") == base
    here["torch"] = "99.0"
    assert export_key(RESNET18, "pooled", "seed 0") != base


@pytest.mark.usefixtures("here")
def test_int8_is_found_by_its_pictures(store: Store) -> None:
    """One that was calibrated on others does not answer, and neither is outdated."""
    full = put(store)

    def reduced(sha256: str | None) -> Entry:
        quantised = Quantised(error=0.1, error_without_choice=0.3, calibration_sha256=sha256)
        preset, graph = full.manifest.preset, full.manifest.graph_sha256
        return publish(
            store,
            key=converted_key(graph, preset, "int8", sha256),
            changed=lambda manifest: msgspec.structs.replace(
                manifest,
                identity=msgspec.structs.replace(manifest.identity, precision="int8"),
                made_from=graph,
                quantised=quantised,
            ),
        )

    def found(sha256: str | None) -> Entry | None:
        return find_export(store, RESNET18, "pooled", RANDOM, "int8", calibration=sha256)

    entries = {sha256: reduced(sha256) for sha256 in (None, "1" * 64)}
    assert {sha256: found(sha256) for sha256 in entries} == entries
    assert found("2" * 64) is None
    assert [outdated(entry, RESNET18) for entry in entries.values()] == [None, None]

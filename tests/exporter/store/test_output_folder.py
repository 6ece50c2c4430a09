"""Plain files in a user's folder: right, described, renewed; other files are not touched."""

import errno
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from simx.common.errors import InputError, SystemFailureError
from simx.exporter.store import output_folder
from simx.exporter.store.entry import DamagedEntryError, Entry, record_of
from simx.exporter.store.manifest import (
    DATA_FILE,
    INPUT_NAME,
    MODEL_FILE,
    OUTPUT_NAME,
    VERIFICATION_FILE,
    Manifest,
)
from simx.exporter.store.output_folder import opened_output_folder, plain_name
from simx.exporter.store.output_manifest import (
    OUTPUT_MANIFEST_FILE,
    OutputManifest,
    read_output_manifest,
)
from simx.exporter.store.store import Store
from simx.models.catalogue import load
from tests.exporter.store.test_store import RESNET18, publish

RESNET50_V1 = next(each for each in load() if each.name == "resnet50:IMAGENET1K_V1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where to; it is made when something is put there."""
    return tmp_path / "models" / "onnx"


def put(folder: Path, entry: Entry, *, data_beside: bool = False) -> Path:
    with opened_output_folder(folder) as opened:
        return opened.put(RESNET18, entry, data_beside=data_beside)


def read(folder: Path) -> OutputManifest:
    return read_output_manifest(folder / OUTPUT_MANIFEST_FILE)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_names_are_plain() -> None:
    """What is not the default is part of the name, so that all of them find room."""
    assert plain_name(RESNET18, "pooled") == "resnet18.onnx"
    assert plain_name(RESNET18, "flat") == "resnet18-flat.onnx"
    name = plain_name(RESNET50_V1, "penultimate")
    assert name == "resnet50-IMAGENET1K_V1-penultimate.onnx"


def test_a_model_is_copied_and_described(store: Store, folder: Path) -> None:
    """The file is the store's, under its own name only, and the manifest says how to use it."""
    entry = publish(store)
    path = put(folder, entry)
    (model,) = read(folder).models

    assert path == folder / "resnet18.onnx"
    assert names(folder) == {"resnet18.onnx", OUTPUT_MANIFEST_FILE}
    assert path.read_bytes() == entry.model_path.read_bytes()
    assert entry.model_path.stat().st_nlink == 1
    assert model.files == {"resnet18.onnx": record_of(path)}
    assert (model.input.name, model.input.shape) == (INPUT_NAME, ("batch", 3, 224, 224))
    assert (model.output.name, model.output.shape) == (OUTPUT_NAME, ("batch", 512))
    assert model.preprocessing.mean == RESNET18.preset.mean
    assert model.preprocessing.interpolation == RESNET18.preset.interpolation
    assert (model.weights_origin, model.parity.cosine) == ("random", 1.0)


def test_what_is_there_is_left_alone(store: Store, folder: Path) -> None:
    """A second time nothing is written."""
    entry = publish(store)
    before = put(folder, entry).stat()
    after = put(folder, entry).stat()

    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("content", [b"Graph", b"gra", None])
def test_what_has_changed_is_made_again(store: Store, folder: Path, content: bytes | None) -> None:
    """A file that the manifest names is simx's own, and is what the manifest says."""
    path = put(folder, publish(store))
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    assert put(folder, publish(store)).read_bytes() == b"graph"


def test_another_export_takes_the_others_place(store: Store, folder: Path) -> None:
    """Whose weights a file has, the manifest says."""
    put(folder, publish(store))
    other = publish(store, source="seed 1", key="f" * 16, content=b"other graph")
    path = put(folder, other)

    assert path.read_bytes() == b"other graph"
    assert [model.source for model in read(folder).models] == ["seed 1"]


@pytest.mark.parametrize("name", ["resnet18.onnx", OUTPUT_MANIFEST_FILE])
def test_a_read_only_file_is_left_alone(store: Store, folder: Path, name: str) -> None:
    """Also one of simx's own, which its folder would allow to replace."""
    put(folder, publish(store))
    (folder / name).chmod(0o444)
    content = (folder / name).read_bytes()
    with opened_output_folder(folder) as opened, pytest.raises(InputError, match="is read-only"):
        opened.require_free({"resnet18.onnx": "resnet18"})

    other = publish(store, source="seed 1", key="f" * 16, content=b"other graph")
    with pytest.raises(InputError, match="is read-only"):
        put(folder, other)
    assert (folder / name).read_bytes() == content


def test_a_file_that_is_read_is_no_output(store: Store, folder: Path) -> None:
    """Whatever it holds, and although the manifest names it."""
    path = put(folder, publish(store))

    with opened_output_folder(folder) as opened, pytest.raises(InputError, match="reads that file"):
        opened.require_free({"resnet18.onnx": "resnet18"}, path)


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_another_file_in_the_place_is_refused(store: Store, folder: Path, kind: str) -> None:
    """One line names it, and it stays, as everything else in the folder does."""
    folder.mkdir(parents=True)
    path = folder / "resnet18.onnx"
    match kind:
        case "file":
            path.write_bytes(b"graph")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to("nowhere")

    with pytest.raises(InputError, match=r"resnet18\.onnx: is not simx's own .* move it away"):
        put(folder, publish(store))
    assert names(folder) == {"resnet18.onnx"}


def test_a_foreign_manifest_is_refused(store: Store, folder: Path) -> None:
    """It would have to be replaced."""
    folder.mkdir(parents=True)
    (folder / OUTPUT_MANIFEST_FILE).write_text('{"name": "mine"}')

    with pytest.raises(InputError, match=r"manifest\.json: is not simx's own"):
        put(folder, publish(store))


def test_other_files_stay(store: Store, folder: Path) -> None:
    """A folder may have anything else in it."""
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    put(folder, publish(store))

    assert names(folder) == {"notes.txt", "resnet18.onnx", OUTPUT_MANIFEST_FILE}


def test_one_process_at_a_time(folder: Path) -> None:
    """The manifest would lose what the other one adds."""
    with (
        opened_output_folder(folder),
        pytest.raises(InputError, match="another simx process"),
        opened_output_folder(folder),
    ):
        pass


def test_damage_is_noticed_while_copying(store: Store, folder: Path) -> None:
    """What was there stays, and nothing that differs from the manifest appears."""
    put(folder, publish(store))
    damaged = publish(store, source="seed 1", key="f" * 16, content=b"other graph")
    damaged.model_path.write_bytes(b"Other graph")

    with pytest.raises(DamagedEntryError):
        put(folder, damaged)
    assert names(folder) == {"resnet18.onnx", OUTPUT_MANIFEST_FILE}
    assert (folder / "resnet18.onnx").read_bytes() == b"graph"
    assert [model.source for model in read(folder).models] == ["seed 0"]


def test_a_full_disk_leaves_what_was_there(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is a failure of the system."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    put(folder, publish(store))
    monkeypatch.setattr(output_folder, "copy_as_recorded", full)
    with pytest.raises(SystemFailureError, match=r"cannot be written .*No space"):
        put(folder, publish(store, source="seed 1", key="f" * 16, content=b"other graph"))

    assert names(folder) == {"resnet18.onnx", OUTPUT_MANIFEST_FILE}
    assert (folder / "resnet18.onnx").read_bytes() == b"graph"


def test_an_end_in_the_middle_is_mended(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest names a file before it appears, so the next process knows whose it is."""
    entry = publish(store)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", _ended)
        with pytest.raises(KeyboardInterrupt):
            put(folder, entry)
    assert names(folder) == {OUTPUT_MANIFEST_FILE}

    assert put(folder, entry).read_bytes() == b"graph"


def _ended(self: Path, target: Path) -> Path:
    """Rename what is written atomically, and stand for an interrupt before anything else is."""
    if self.suffix == ".tmp":
        self.rename(target)
        return target
    raise KeyboardInterrupt


def adding(entry: Entry, *, data_beside: bool) -> Entry:
    """Give an entry a graph that adds a vector, which may lie in a data file beside it."""
    vector = numpy_helper.from_array(np.arange(512, dtype=np.float32), "vector")
    graph = helper.make_graph(
        [helper.make_node("Add", [INPUT_NAME, "vector"], [OUTPUT_NAME])],
        "adds",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["batch", 512])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["batch", 512])],
        [vector],
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    entry.model_path.unlink()
    onnx.save_model(
        model,
        entry.model_path,
        save_as_external_data=data_beside,
        location=DATA_FILE,
        size_threshold=0,
    )
    files = (MODEL_FILE, *([DATA_FILE] if data_beside else []), VERIFICATION_FILE)
    records = {name: record_of(entry.folder / name) for name in files}
    manifest: Manifest = msgspec.structs.replace(entry.manifest, files=records)
    return msgspec.structs.replace(entry, manifest=manifest)


def test_data_beside_a_graph_is_renamed_with_it(store: Store, folder: Path) -> None:
    """The graph finds its data under the new name, and both are in the manifest."""
    path = put(folder, adding(publish(store), data_beside=True))

    assert np.array_equal(sum_with_zeros(path), np.arange(512))
    assert names(folder) == {"resnet18.onnx", "resnet18.onnx.data", OUTPUT_MANIFEST_FILE}
    assert read(folder).owned == {"resnet18.onnx", "resnet18.onnx.data"}
    assert DATA_FILE.encode() not in path.read_bytes()
    (model,) = read(folder).models
    assert model.files == {name: record_of(folder / name) for name in model.files}


def sum_with_zeros(path: Path) -> npt.NDArray[np.float32]:
    """Return what a graph that adds a vector makes of nothing."""
    session = onnxruntime.InferenceSession(path)
    found = session.run([OUTPUT_NAME], {INPUT_NAME: np.zeros((1, 512), np.float32)})[0]
    return np.asarray(found[0])


def test_data_is_put_beside_a_graph_when_asked(store: Store, folder: Path) -> None:
    """The graph has it no longer, and computes the same; a second time nothing is written."""
    entry = adding(publish(store), data_beside=False)
    path = put(folder, entry, data_beside=True)
    before = path.stat()

    assert np.array_equal(sum_with_zeros(path), np.arange(512))
    assert path.stat().st_size < 1024 < (folder / "resnet18.onnx.data").stat().st_size
    assert read(folder).owned == {"resnet18.onnx", "resnet18.onnx.data"}
    assert (folder / "resnet18.onnx.data").stat().st_mode == before.st_mode
    assert put(folder, entry, data_beside=True).stat().st_mtime_ns == before.st_mtime_ns


def test_data_goes_when_it_is_no_longer_asked_for(store: Store, folder: Path) -> None:
    """One file again, and nothing left beside it."""
    entry = adding(publish(store), data_beside=False)
    put(folder, entry, data_beside=True)
    path = put(folder, entry)

    assert path.read_bytes() == entry.model_path.read_bytes()
    assert names(folder) == {"resnet18.onnx", OUTPUT_MANIFEST_FILE}

"""The trained weights of the repository: from the file to similarities that mean something."""

import hashlib
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportListener, ExportPlan
from simx.exporter.store.manifest import INPUT_NAME, OUTPUT_NAME, read_manifest
from simx.exporter.store.output_manifest import output_model
from simx.exporter.store.store import Store
from simx.exporter.weights.file_reading import Entries, FileReading
from simx.exporter.weights.request import WeightsRequest
from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import preprocess
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.models.selection import Selection, select

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "tests" / "data"
ROW = re.compile(r"\| `(\S+)` \| `(\S+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|")
TABLE = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
TRAINED = {name: (DATA / file, tuple(map(float, of))) for name, file, *of in ROW.findall(TABLE)}


class Heard(ExportListener):
    """Keeps the notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        """Keep it."""
        self.notices.append(text)


def backbone_named(name: str) -> Backbone:
    (found,) = select(Selection(names=(name,)), load())
    return found


def exported_from(path: Path, name: str, store: Path) -> tuple[Exported, list[str]]:
    request, heard = WeightsRequest("file", path), Heard()
    plan = ExportPlan(embedding="pooled", request=request, threads=1)
    (outcome,) = export([backbone_named(name)], Store(store), plan, heard)
    assert isinstance(outcome, Exported), outcome
    return outcome, heard.notices


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> tuple[Exported, list[str]]:
    """MobileNetV2, whose file has no classifier, exported once."""
    path, _ = TRAINED["mobilenet_v2:v1"]
    return exported_from(path, "mobilenet_v2:v1", tmp_path_factory.mktemp("store"))


def similarities(exported: Exported) -> list[float]:
    """Return the percents of the anchor with the other pictures, by ONNX Runtime and numpy."""
    session, pictures = onnxruntime.InferenceSession(exported.entry.model_path), bundled()
    paths = (
        *(pictures.anchor, pictures.positive),
        *(pictures.negative, pictures.negative_resized),
    )
    anchor, *others = (
        session.run(
            [OUTPUT_NAME], {INPUT_NAME: preprocess(decode(path), exported.backbone.preset)}
        )[0][0]
        for path in paths
    )
    norms = np.linalg.norm(anchor) * np.linalg.norm(others, axis=1)
    return [100 * float(each) for each in others @ anchor / norms]


def test_both_files_are_what_their_table_says() -> None:
    """Their hashes are those that the data's README gives."""
    text = (DATA / "README.md").read_text(encoding="utf-8")

    assert len(TRAINED) == 2
    for path, _ in TRAINED.values():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"| `{path.name}` | `{digest}` |" in text


def test_mobilenets_similarities_are_those_of_the_documents(
    headless: tuple[Exported, list[str]],
) -> None:
    """A file without head gives the figures that the trained network has."""
    assert similarities(headless[0]) == pytest.approx(TRAINED["mobilenet_v2:v1"][1], abs=0.005)


def test_squeezenets_similarities_are_those_of_the_documents(tmp_path: Path) -> None:
    """A whole state dict gives the figures that the trained network has."""
    path, figures = TRAINED["squeezenet1_1"]
    exported, notices = exported_from(path, "squeezenet1_1", tmp_path)

    assert similarities(exported) == pytest.approx(figures, abs=0.005)
    assert notices == []
    assert not exported.entry.manifest.file_reading


def test_how_the_file_was_read_is_said_and_recorded(headless: tuple[Exported, list[str]]) -> None:
    """In one line for the user, and in both manifests; the line names the file as it was given."""
    exported, notices = headless
    path, _ = TRAINED["mobilenet_v2:v1"]
    names = ("classifier.1.weight", "classifier.1.bias")
    manifest = read_manifest(exported.entry.folder / "manifest.json")

    line = "leaves out 2 tensors that the embedding does not use"
    assert notices == [f"weights file {path}: {line} ({', '.join(names)})"]
    assert manifest.file_reading == FileReading(unused=Entries(2, names))
    assert output_model("mobilenet.onnx", {}, manifest).file_reading == manifest.file_reading

"""A user's ONNX file in the store: what is kept of it, and what its answers are compared with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from simx.common.errors import InputError
from simx.exporter.jobs import from_onnx
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan, ExportRequest, order_from_weights
from simx.exporter.jobs.preparation import require_fitting
from simx.exporter.own_models.described import own_models
from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import VERIFICATION_FILE
from simx.exporter.store.store import Store
from simx.exporter.verification.outputs import VerificationError
from simx.exporter.verification.reference import Reference, load_reference
from simx.exporter.weights.locate import locate
from simx.exporter.weights.request import RequestKind, WeightsRequest
from simx.models.backbone import PRECISIONS, Backbone, Layout, Precision
from simx.models.catalogue import load
from tests.exporter.own_models.files import SIDE, network, of_nhwc, saved, saved_with_data, value


def own(path: Path, layout: Layout = "NCHW") -> Backbone:
    preset = path.with_suffix(".toml")
    preset.write_text(
        f"size = 36\ncrop = {SIDE}\ninterpolation = 'bilinear'\nlayout = '{layout}'\n"
        "mean = [0.5, 0.5, 0.5]\nstd = [0.25, 0.25, 0.25]\n"
    )
    (found,) = own_models([str(path)], [str(preset)])
    return found


def entries(
    backbone: Backbone, store: Path, *precisions: Precision, kind: RequestKind = "auto"
) -> list[Entry]:
    plan = ExportPlan(
        embedding="pooled", request=WeightsRequest(kind), precisions=precisions, threads=1
    )
    outcomes = export([backbone], Store(store), plan)
    assert all(isinstance(each, Exported) for each in outcomes), outcomes
    return [each.entry for each in outcomes if isinstance(each, Exported)]


def reference_of(entry: Entry) -> Reference:
    return load_reference(entry.verification_path, entry.manifest.files[VERIFICATION_FILE])


def flat(batch: int | str = "n") -> onnx.ModelProto:
    """Return a network with an output of two dimensions, to which nothing is added."""
    return network(
        inputs=[value("pixels", [batch, 3, SIDE, SIDE])],
        extra=[helper.make_node("Flatten", ["pooled"], ["flat"])],
        outputs=[value("flat", [batch, 8])],
    )


def test_a_file_is_kept_byte_for_byte_and_converted(tmp_path: Path) -> None:
    """What is executed is the user's file; other precisions are made from it."""
    path = saved(flat(), tmp_path / "net.onnx")
    full, half, small = entries(own(path), tmp_path / "store", *PRECISIONS)

    assert full.model_path.read_bytes() == path.read_bytes()
    assert full.manifest.identity.weights_origin == "file"
    assert full.manifest.verified_batches == (1, 4)
    assert {half.manifest.made_from, small.manifest.made_from} == {full.manifest.graph_sha256}
    assert full.manifest.weights == half.manifest.weights == small.manifest.weights
    assert [each.damage() for each in (full, half, small)] == [None] * 3


@pytest.mark.parametrize("kind", ["auto", "pretrained", "random"])
def test_requested_weights_are_those_of_the_catalogue(kind: RequestKind, tmp_path: Path) -> None:
    """A user's file has its own; nothing is downloaded or drawn, and it is found again."""
    backbone = own(saved(flat(), tmp_path / "net.onnx"))
    (first,) = entries(backbone, tmp_path / "store", "fp32", kind=kind)
    (second,) = entries(backbone, tmp_path / "store", "fp32", kind="auto")

    assert first == second


@pytest.mark.parametrize(
    ("write", "layout"),
    [
        (lambda path: saved(network(), path), "NCHW"),
        (lambda path: saved(flat(batch=1), path), "NCHW"),
        (lambda path: saved(of_nhwc(), path), "NHWC"),
        (saved_with_data, "NCHW"),
    ],
    ids=["of four dimensions", "one picture", "NHWC", "external data"],
)
def test_the_stored_graph_computes_what_the_file_computes(
    write: Callable[[Path], Path], layout: Layout, tmp_path: Path
) -> None:
    """By ONNX's reference evaluator, from the file as it was, for every picture."""
    path = write(tmp_path / "net.onnx")
    (entry,) = entries(own(path, layout), tmp_path / "store", "fp32")
    reference = reference_of(entry)
    inputs = reference.inputs(entry.manifest.preset)
    evaluator = ReferenceEvaluator(onnx.load(path))
    session = onnxruntime.InferenceSession(entry.model_path)
    for row, picture in enumerate(inputs[:, np.newaxis]):
        fed = picture if layout == "NCHW" else picture.transpose(0, 2, 3, 1)
        name = evaluator.input_names[0]
        (right, *_) = list(evaluator.run(None, {name: fed}))
        stored = session.run(None, {session.get_inputs()[0].name: picture})[0]

        assert np.allclose(reference.embeddings[row], np.ravel(right), atol=1e-5)
        assert np.allclose(stored, reference.embeddings[row], atol=1e-5)


def test_a_file_for_one_picture_is_verified_with_every_picture(tmp_path: Path) -> None:
    """One after the other."""
    (entry,) = entries(own(saved(flat(batch=1), tmp_path / "a.onnx")), tmp_path / "store", "fp32")

    assert entry.manifest.verified_batches == (1,)
    assert entry.manifest.margin is not None


def test_a_changed_file_is_another_export(tmp_path: Path) -> None:
    """Its key has the hash of the file."""
    path = saved(flat(), tmp_path / "net.onnx")
    (before,) = entries(own(path), tmp_path / "store", "fp32")
    changed = flat()
    changed.doc_string = "a remark"
    (after,) = entries(own(saved(changed, path)), tmp_path / "store", "fp32")

    assert before.key != after.key
    assert before.manifest.weights == after.manifest.weights


def test_a_file_that_changes_after_its_inspection_is_refused(tmp_path: Path) -> None:
    """What was inspected is not what would be measured."""
    path = saved(flat(), tmp_path / "net.onnx")
    backbone = own(path)
    path.write_bytes(network().SerializeToString())

    with pytest.raises(InputError, match="has changed meanwhile"):
        entries(backbone, tmp_path / "store", "fp32")


def test_onnx_runtime_must_agree_with_the_reference_evaluator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its answers are no reference."""

    class Other(ReferenceEvaluator):
        def run(self, *arguments: object, **_: object) -> list[np.ndarray]:
            found = list(super().run(*arguments))  # type: ignore[arg-type]
            return [1.01 * found[0]]

    backbone = own(saved(flat(), tmp_path / "net.onnx"))
    (tmp_path / "entry").mkdir()
    order = order_from_weights(
        backbone, "pooled", locate(backbone, WeightsRequest("auto").of(backbone))
    )
    paths = str(tmp_path / "entry"), str(tmp_path / "weights.safetensors")
    monkeypatch.setattr(from_onnx, "ReferenceEvaluator", Other)

    with pytest.raises(VerificationError, match="by ONNX's reference evaluator, "):
        from_onnx.make(ExportRequest(order, 1, *paths), lambda _: None)


def test_a_weights_file_is_for_the_backbone_of_the_catalogue(tmp_path: Path) -> None:
    """Models of one's own beside it do not count."""
    weights = tmp_path / "weights.pth"
    weights.touch()
    backbones = [load()[0], own(saved(flat(), tmp_path / "net.onnx"))]
    require_fitting(WeightsRequest("file", weights), backbones)

    with pytest.raises(InputError, match="but 0 are selected"):
        require_fitting(WeightsRequest("file", weights), backbones[1:])

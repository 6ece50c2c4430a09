"""Backbones of timm through the whole export, from a checkpoint to a verified file."""

from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch

from benchmarks import timm_parity
from simx.common.errors import InputError
from simx.exporter.jobs import preparation
from simx.exporter.jobs.export import export
from simx.exporter.jobs.plan import Exported, ExportPlan
from simx.exporter.store.cache_key import library_versions
from simx.exporter.store.manifest import INPUT_NAME
from simx.exporter.store.output_folder import plain_name
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from simx.models.selection import Selection, select

needs_timm = pytest.mark.skipif(
    "timm" not in library_versions(), reason="timm is an extra: pip install 'simx-bench[timm]'"
)


def backbone_named(name: str) -> Backbone:
    (found,) = select(Selection(names=(name,)), load())
    return found


@needs_timm
def test_a_checkpoint_in_the_cache_becomes_a_verified_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file computes what timm computes, and its manifest has the licence of the weights."""
    import timm  # noqa: PLC0415

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    backbone = msgspec.structs.replace(backbone_named("timm:test_resnet"), license="cc-by-nc-4.0")
    own = timm.create_model("test_resnet.r160_in1k", pretrained=False).eval()
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    safetensors.torch.save_file(own.state_dict(), checkpoints / "test_resnet.r160_in1k.safetensors")
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("auto"), threads=1)

    (outcome,) = export([backbone], Store(tmp_path / "store"), plan)

    assert isinstance(outcome, Exported), outcome
    manifest = outcome.entry.manifest
    assert manifest.identity.weights_origin == "pretrained"
    assert manifest.license == "cc-by-nc-4.0"
    assert manifest.versions["timm"] == timm.__version__
    images = torch.randn(3, 3, 160, 160)
    own.reset_classifier(0)
    with torch.inference_mode():
        expected = own(images).numpy()
    session = onnxruntime.InferenceSession(outcome.entry.model_path)
    (found,) = session.run(None, {INPUT_NAME: images.numpy()})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@needs_timm
@pytest.mark.parametrize(
    "name", ["mobilenetv4_conv_small", "levit_128s", "convnext_atto", "edgenext_xx_small"]
)
def test_exports_agree_with_timms_own_forward(name: str, tmp_path: Path) -> None:
    """Of several families, with random weights, by neither simx's building nor its heads."""
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=2)

    (outcome,) = export([backbone_named(f"timm:{name}")], Store(tmp_path), plan)

    assert isinstance(outcome, Exported), outcome
    errors = timm_parity.differences(outcome.backbone, outcome.entry)
    assert max(errors) <= timm_parity.MOST_ERROR


def test_without_timm_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is begun, and torchvision's backbones are not affected."""
    without = {name: of for name, of in library_versions().items() if name != "timm"}
    monkeypatch.setattr(preparation, "library_versions", lambda: without)
    plan = ExportPlan(embedding="pooled", request=WeightsRequest("random"), threads=1)
    both = [backbone_named("squeezenet1_1"), backbone_named("timm:test_resnet")]

    with pytest.raises(InputError) as caught:
        export(both, Store(tmp_path / "store"), plan)

    assert str(caught.value) == (
        "timm:test_resnet is of timm, which is not installed; pip install 'simx-bench[timm]'"
    )
    assert not (tmp_path / "store").exists()


def test_files_have_no_colon_in_their_names() -> None:
    """Other tools take what is before a colon for a drive or a host."""
    assert plain_name(backbone_named("timm:resnet50"), "pooled") == "timm-resnet50.onnx"
    assert plain_name(backbone_named("timm:resnet50.a2"), "flat") == (
        "timm-resnet50-a2_in1k-flat.onnx"
    )

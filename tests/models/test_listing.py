"""The flat records behind ``simx models``."""

import msgspec

from simx.models.catalogue import load
from simx.models.listing import ListedExport, listing
from simx.models.ranges import DEFAULT_RANGES, parse_ranges
from simx.models.selection import Selection, select

VIT = select(Selection(names=("vit_h_14",)), load())
EXPORT = ListedExport("store/vit.onnx", "made with torch 1.0", "random")


def test_a_record_holds_the_backbone_flat() -> None:
    """Everything a table or a list of objects shows stands in one record."""
    (record,) = listing(VIT, DEFAULT_RANGES, "pooled", {"vit_h_14": EXPORT})

    assert msgspec.to_builtins(record) == {
        "model": "vit_h_14",
        "weights": "IMAGENET1K_SWAG_E2E_V1",
        "default": True,
        "family": "vit",
        "gflops": 1016.717,
        "gflops_counts": "multiply-accumulates",
        "gflops_range": "32+",
        "params": 633470440,
        "acc1": 88.552,
        "acc5": 98.694,
        "file_size": 2416.643,
        "license": "https://github.com/facebookresearch/SWAG/blob/main/LICENSE",
        "url": "https://download.pytorch.org/models/vit_h_14_swag-80465313.pth",
        "crop": 518,
        "resize": 518,
        "interpolation": "bicubic",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "embedding_dim": 1280,
        "embedding_dims": {"pooled": 1280, "penultimate": 1280, "flat": 1753600},
        "embedding_gmacs": {"pooled": 1016.715, "penultimate": 1016.715, "flat": 1016.715},
        "source": "torchvision",
        "path": "store/vit.onnx",
        "outdated": "made with torch 1.0",
        "weights_origin": "random",
    }


def test_the_length_is_that_of_the_embedding_asked_for() -> None:
    """``embedding_dim`` follows the definition of the embedding."""
    (record,) = listing(VIT, DEFAULT_RANGES, "flat", {})

    assert record.embedding_dim == 1753600


def test_what_is_not_exported_has_no_path() -> None:
    """A backbone that the exports leave out is listed without one."""
    (absent,) = listing(VIT, DEFAULT_RANGES, "pooled", {})

    assert (absent.path, absent.outdated, absent.weights_origin) == (None, None, None)


def test_paths_belong_to_one_set_of_weights() -> None:
    """Weights other than the default are looked up by ``model:weights``."""
    resnets = select(Selection(names=("resnet50:*",)), load())
    exports = {
        "resnet50:IMAGENET1K_V1": ListedExport("v1.onnx", None, "pretrained"),
        "resnet50": ListedExport("v2.onnx", None, "file"),
    }

    records = listing(resnets, DEFAULT_RANGES, "pooled", exports)

    assert [(r.weights, r.path) for r in records] == [
        ("IMAGENET1K_V1", "v1.onnx"),
        ("IMAGENET1K_V2", "v2.onnx"),
    ]


def test_a_backbone_outside_the_ranges_has_no_label() -> None:
    """Ranges with a gap leave ``gflops_range`` empty."""
    (record,) = listing(VIT, parse_ranges("0-3"), "pooled", {})

    assert record.gflops_range is None

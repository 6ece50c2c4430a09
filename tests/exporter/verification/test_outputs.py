"""An export is published only if it computes torch's answers, for each picture by itself."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from simx.exporter.network.graph import EXPORTED_BATCH
from simx.exporter.store.manifest import Verified
from simx.exporter.verification.outputs import VerificationError, verify_export
from simx.exporter.verification.pictures import verification_batches, verification_pictures
from simx.models.backbone import Backbone
from simx.models.catalogue import load
from tests.exporter.verification.inspection.support import CONV, EXPECTED, SOUND, Constants, graph

Array = npt.NDArray[np.float32]

STILL = f"{CONV} still = ReduceMean <keepdims = 0> (map, axes)"


def pictures(count: int = 4) -> Array:
    """Return seeded pictures, [count, 3, 8, 8]."""
    return np.random.default_rng(5).normal(size=(count, 3, 8, 8)).astype(np.float32)


def answers(inputs: Array) -> Array:
    """Return what the sound graph gives: the sum of nine shifted pictures' means, five times."""
    windows = np.lib.stride_tricks.sliding_window_view(inputs, (3, 3), (2, 3))
    mean = windows.sum((1, 4, 5)).mean((1, 2))
    return np.repeat(mean[:, None], 5, 1).astype(np.float32)


def verify(model: onnx.ModelProto, folder: Path) -> Verified:
    path, inputs = folder / "model.onnx", pictures()
    onnx.save(model, path)
    return verify_export(path, EXPECTED, inputs, answers(inputs), threads=1)


def test_the_right_answers_are_verified(tmp_path: Path) -> None:
    """The figures and the batches that were tried are told."""
    verified = verify(graph(SOUND), tmp_path)

    assert verified.parity.cosine > 0.999999
    assert verified.verified_batches == (1, 4)


REVERSED = "embedding = Slice (still, last, first, along, back)"
ROTATED = (
    "tail = Slice (still, one, end, along) head = Slice (still, zero, one, along) "
    "embedding = Concat <axis = 0> (tail, head)"
)
THE_FIRST = (
    "first = Gather (still, zero) zeros = Mul (still, nothing) embedding = Add (zeros, first)"
)
SHARED = (
    "share = Softmax <axis = 0> (still) shares = Mul (share, four) embedding = Mul (still, shares)"
)


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        (REVERSED, {"last": [-1], "first": [-(2**31)], "along": [0], "back": [-1]}),
        (ROTATED, {"zero": [0], "one": [1], "end": [2**31 - 1], "along": [0]}),
        (THE_FIRST, {"zero": [0], "nothing": np.float32(0)}),
        (SHARED, {"four": np.float32(4)}),
    ],
    ids=["reversed", "rotated", "the first for all", "shared among all"],
)
def test_rows_that_are_mixed_up_are_noticed(
    nodes: str, constants: Constants, tmp_path: Path
) -> None:
    """Each of them is right, or nearly, for a single picture."""
    model = graph(f"{{ {STILL} {nodes} }}", constants)

    with pytest.raises(VerificationError, match="the embedding differs from torch's"):
        verify(model, tmp_path)


def test_a_batch_that_is_frozen_at_run_time_is_noticed(tmp_path: Path) -> None:
    """A size that is not the traced one is seen when another batch is run."""
    model = graph(f"{{ {STILL} embedding = Reshape (still, size) }}", {"size": [1, -1]})

    with pytest.raises(VerificationError, match=r"for a batch of 4 it gives \[1, 20\]"):
        verify(model, tmp_path)


def test_what_the_inspection_finds_is_refused(tmp_path: Path) -> None:
    """The answers would be right."""
    model = graph(f"{{ {STILL} embedding = Dropout (still) }}")

    with pytest.raises(VerificationError, match="Dropout node embedding is left from training"):
        verify(model, tmp_path)


def test_answers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    """Infinity is no embedding."""
    model = graph(f"{{ {STILL} embedding = Div (still, zero) }}", {"zero": np.float32(0)})

    with pytest.raises(VerificationError, match="not finite"):
        verify(model, tmp_path)


def test_pictures_that_look_alike_verify_nothing(tmp_path: Path) -> None:
    """If all embeddings are one, rows that are mixed up would pass."""
    path, inputs = tmp_path / "model.onnx", pictures(1).repeat(2, 0)
    onnx.save(graph(SOUND), path)

    with pytest.raises(VerificationError, match="almost the same embedding"):
        verify_export(path, EXPECTED, inputs, answers(inputs), threads=1)


@pytest.mark.parametrize("backbone", load(), ids=lambda backbone: backbone.name)
def test_batches_are_several_and_none_is_the_exported_one(backbone: Backbone) -> None:
    """Of different, real pictures; giants run one batch, of two."""
    files = verification_pictures(backbone)
    batches = verification_batches(len(files))

    assert len({path.read_bytes() for path in files}) == len(files)
    assert max(batches) == len(files)
    assert EXPORTED_BATCH not in batches
    assert batches == ((2,) if backbone.gflops >= 100 else (1, 4))

"""fp16 and int8 made from an fp32 export: what they are, how near they stay, and what fails."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.numpy

from simx.exporter.jobs.export import _Exporter, export
from simx.exporter.jobs.from_fp32 import to_float16
from simx.exporter.jobs.plan import Exported, ExportPlan, NotExported, Outcome
from simx.exporter.jobs.quantisation import to_int8
from simx.exporter.store.entry import Entry
from simx.exporter.store.lookup import find_export
from simx.exporter.store.manifest import INPUT_NAME, MODEL_FILE, OUTPUT_NAME, VERIFICATION_FILE
from simx.exporter.store.store import Store
from simx.exporter.verification.outputs import VerificationError, verify_answers
from simx.exporter.verification.reference import Reference, load_reference
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Backbone, Precision
from simx.models.catalogue import load
from simx.results.statistics.parity import FP16, bounds_of, disagreement
from simx.results.statistics.vector_math import cosine

TRAINED = Path(__file__).resolve().parents[2] / "data" / "squeezenet1_1.safetensors"
SQUEEZENET = next(backbone for backbone in load() if backbone.name == "squeezenet1_1")
REQUEST = WeightsRequest("file", TRAINED)

NUMBERS = {"fp16": onnx.TensorProto.FLOAT16, "int8": onnx.TensorProto.INT8}
"""What a precision's weights are."""


def run(store: Path, *precisions: Precision) -> list[Outcome]:
    plan = ExportPlan(embedding="pooled", request=REQUEST, precisions=precisions, threads=1)
    return list(export([SQUEEZENET], Store(store), plan))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Outcome]:
    """SqueezeNet with its trained weights in both, made once in a store that was empty."""
    return run(tmp_path_factory.mktemp("store"), "fp16", "int8")


@pytest.fixture(scope="module")
def store(outcomes: Sequence[Outcome]) -> Path:
    """Where they are."""
    assert isinstance(outcomes[0], Exported), outcomes
    return outcomes[0].entry.store


@pytest.fixture(params=["fp16", "int8"])
def entry(request: pytest.FixtureRequest, outcomes: Sequence[Outcome]) -> Entry:
    """Each of the two."""
    outcome = next(each for each in outcomes if each.precision == request.param)
    assert isinstance(outcome, Exported), outcome
    return outcome.entry


@pytest.fixture
def full(store: Path) -> Entry:
    """The fp32 export that they were made from."""
    found = find_export(Store(store), SQUEEZENET, "pooled", REQUEST)
    assert found is not None
    return found


def reference_of(entry: Entry) -> Reference:
    return load_reference(entry.verification_path, entry.manifest.files[VERIFICATION_FILE])


def embeddings(
    model: Path, reference: Reference
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    session = onnxruntime.InferenceSession(model)
    output: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = session.run(
        [OUTPUT_NAME], {INPUT_NAME: reference.inputs(SQUEEZENET.preset)}
    )[0]
    return output


def test_what_was_not_asked_for_is_not_told_of(outcomes: Sequence[Outcome]) -> None:
    """fp32 is exported since the others are made from it, and is no outcome."""
    assert {outcome.precision for outcome in outcomes} == {"fp16", "int8"}


def test_the_weights_are_of_the_precision(entry: Entry) -> None:
    """Most of what is stored is in these numbers, and the file is that much smaller."""
    precision = entry.manifest.identity.precision
    tensors = onnx.load(entry.model_path).graph.initializer
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in tensors}
    reduced = sum(sizes[each.name] for each in tensors if each.data_type == NUMBERS[precision])

    assert reduced > 0.95 * sum(sizes.values())


def test_the_manifest_tells_what_it_costs(entry: Entry, full: Entry) -> None:
    """Parity with torch within the precision's bound and beyond fp32's; margins side by side."""
    manifest = entry.manifest
    reference = reference_of(entry)
    anchor, positive, negative, _ = embeddings(entry.model_path, reference)
    similarities = cosine(anchor, positive), cosine(anchor, negative)
    assert entry.damage() is None

    assert disagreement(manifest.parity, bounds_of(manifest.identity.precision)) is None
    assert disagreement(manifest.parity) is not None
    assert None not in similarities
    assert manifest.margin == pytest.approx(
        100 * (similarities[0] - similarities[1]),  # type: ignore[operator]  # see above
        abs=0.01,
    )
    assert manifest.reference_margin == pytest.approx(46.41, abs=0.01)
    assert manifest.made_from == full.manifest.graph_sha256
    assert manifest.weights == full.manifest.weights


def test_the_similarity_survives(entry: Entry) -> None:
    """The cat stays nearer to the cat than to the cup, by nearly as much."""
    assert entry.manifest.margin == pytest.approx(46.41, abs=2)


def test_a_further_export_does_nothing(outcomes: Sequence[Outcome], store: Path) -> None:
    """What the store has is answered from it, each precision by its own entry."""
    again = run(store, "fp16", "int8", "fp32")
    entries = {each.precision: each.entry for each in again if isinstance(each, Exported)}

    assert all(isinstance(outcome, Exported) and not outcome.fresh for outcome in again)
    assert entries.keys() == {"fp32", "fp16", "int8"}
    assert all(
        isinstance(outcome, Exported) and outcome.entry == entries[outcome.precision]
        for outcome in outcomes
    )


def test_precisions_are_found_apart(store: Path, entry: Entry, full: Entry) -> None:
    """Whoever asks for one gets it, and without asking it is fp32."""
    precision = entry.manifest.identity.precision
    found = find_export(Store(store), SQUEEZENET, "pooled", REQUEST, precision)

    assert found == entry
    assert find_export(Store(store), SQUEEZENET, "pooled", REQUEST) == full


def test_what_misses_its_bound_fails_with_its_figures(entry: Entry) -> None:
    """The figures that were found come with the failure."""
    reference = reference_of(entry)
    inputs = reference.inputs(SQUEEZENET.preset)
    tight = type(FP16)(relative_l2=1e-6, cosine=1.0)

    with pytest.raises(VerificationError, match="relative L2 error") as refused:
        verify_answers(entry.model_path, inputs, reference.embeddings, 1, tight)

    assert refused.value.found is not None
    assert refused.value.found.parity == entry.manifest.parity
    assert refused.value.found.margin == pytest.approx(entry.manifest.margin)


def test_fp16_that_overflows_is_refused(tmp_path: Path) -> None:
    """Weights that are the same network in fp32, with activations beyond float16's range."""
    state = safetensors.numpy.load_file(TRAINED)
    factors = {
        "features.0.weight": 1e3,
        "features.0.bias": 1e3,
        "features.3.squeeze.weight": 1e-2,
        "features.3.squeeze.bias": 10,
        "features.3.expand1x1.weight": 0.1,
        "features.3.expand3x3.weight": 0.1,
    }
    for name, factor in factors.items():
        state[name] = state[name] * np.float32(factor)
    path = tmp_path / "rescaled.safetensors"
    safetensors.numpy.save_file(state, path)
    request = WeightsRequest("file", path)
    plan = ExportPlan(embedding="pooled", request=request, precisions=("fp32", "fp16"), threads=1)
    full, half = export([SQUEEZENET], Store(tmp_path / "store"), plan)

    assert isinstance(full, Exported), full
    assert isinstance(half, NotExported), half
    assert (half.stage, half.precision) == ("verification", "fp16")
    assert half.reason.startswith("features.0 (Conv node features.0/Conv) reaches 6")
    assert "float16 ends at 65,504" in half.reason


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_large_graphs_take_the_same_way(precision: Precision, full: Entry, tmp_path: Path) -> None:
    """With a limit of nothing, intermediate files keep weights beside them; the result does not."""
    reference = reference_of(full)
    path = tmp_path / "entry" / MODEL_FILE
    path.parent.mkdir()
    if precision == "fp16":
        to_float16(full.model_path, path, limit=0)
    else:
        inputs = list(reference.inputs(SQUEEZENET.preset)[:, None])
        to_int8(full.model_path, path, inputs, is_large=True)
    verify_answers(
        path,
        reference.inputs(SQUEEZENET.preset),
        reference.embeddings,
        1,
        bounds_of(precision),
    )

    assert [file.name for file in tmp_path.iterdir()] == ["entry"]
    assert full.damage() is None


def test_a_damaged_source_is_made_again(
    store: Path, full: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made of an fp32 export that is not what it was; here it is fetched anew."""
    shutil.copytree(store, tmp_path / "store")
    copied = tmp_path / "store" / full.folder.relative_to(store)
    for path in copied.parent.glob("pooled-fp16-*"):
        shutil.rmtree(path)
    data = bytearray((copied / MODEL_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (copied / MODEL_FILE).write_bytes(data)
    genuine = _Exporter._in_fp32

    def fetch(exporter: _Exporter, backbone: Backbone, *, wait: bool) -> Outcome | None:
        if not copied.exists():
            shutil.copytree(full.folder, copied)
        return genuine(exporter, backbone, wait=wait)

    monkeypatch.setattr(_Exporter, "_in_fp32", fetch)
    (outcome,) = run(tmp_path / "store", "fp16")

    assert isinstance(outcome, Exported), outcome
    assert outcome.precision == "fp16"
    assert (copied / MODEL_FILE).read_bytes() == full.model_path.read_bytes()


def test_a_source_that_is_damaged_each_time_is_a_failure(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that does not keep what is written."""
    shutil.copytree(store, tmp_path / "store")
    for path in (tmp_path / "store").glob("exports/*/*/pooled-fp16-*"):
        shutil.rmtree(path)
    monkeypatch.setattr(Entry, "damage", lambda _: "damaged")
    monkeypatch.setattr(Store, "discard", lambda *_: None)
    (outcome,) = run(tmp_path / "store", "fp16")

    assert isinstance(outcome, NotExported)
    assert (outcome.stage, outcome.precision) == ("source", "fp16")
    assert "check the disk" in outcome.reason


def test_the_worker_that_converts_needs_no_torch() -> None:
    """Neither itself nor through what it imports: torch takes seconds and half a gigabyte."""
    code = "import sys; sys.modules['torch'] = None; import simx.exporter.jobs.from_fp32"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert ended.returncode == 0, ended.stderr

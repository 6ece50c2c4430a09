"""The contract suite: what holds for every backend, run over all of them."""

import msgspec
import numpy as np
import pytest
import torch

from simx.exporter.store.entry import Entry
from simx.exporter.store.manifest import VERIFICATION_FILE
from simx.exporter.verification.reference import Reference, load_reference
from simx.models.backbone import Backbone
from simx.results.statistics.parity import disagreement, worst_parity
from simx.results.statistics.threads import has_too_few, has_too_many
from simx.results.statistics.vector_math import cosine
from simx.runner.backends.contract import Array, Backend, BackendError, BackendFacts, Runtime, Task
from simx.runner.backends.registry import BACKENDS
from simx.runner.measure.threads import threads_used
from tests.runner.runtimes import needs, runtime_of


@pytest.fixture
def backend(runtime: Runtime, task: Task) -> Backend:
    return runtime.create(task)


@pytest.fixture
def reference(entry: Entry) -> Reference:
    return load_reference(entry.verification_path, entry.manifest.files[VERIFICATION_FILE])


@pytest.fixture
def inputs(reference: Reference, backbone: Backbone) -> Array:
    return reference.inputs(backbone.preset)


def embed(backend: Backend, inputs: Array) -> Array:
    return backend.fetch(backend.forward(backend.place(inputs)))


def test_one_picture_gives_the_reference_embedding(
    backend: Backend, inputs: Array, reference: Reference
) -> None:
    """Each picture alone gives torch's stored answer, float32 and [1, D]."""
    rows = [embed(backend, inputs[row : row + 1]) for row in range(len(inputs))]

    assert all(row.shape == (1, 512) and row.dtype == np.float32 for row in rows)
    parity = worst_parity(zip(np.concatenate(rows), reference.embeddings, strict=True))
    assert disagreement(parity) is None


@pytest.mark.parametrize("batch", [2, 4])
def test_a_batch_gives_the_same_rows(
    backend: Backend, inputs: Array, reference: Reference, batch: int
) -> None:
    """Several pictures at once give the embeddings they give one by one."""
    together = embed(backend, inputs[:batch])

    assert together.shape == (batch, 512)
    parity = worst_parity(zip(together, reference.embeddings[:batch], strict=True))
    assert disagreement(parity) is None


def test_the_input_is_left_as_it_was(backend: Backend, inputs: Array) -> None:
    """A call does not write into its input, which is used again and again."""
    before = inputs[:1].copy()
    placed = backend.place(inputs[:1])
    first = backend.fetch(backend.forward(placed)).copy()
    second = backend.fetch(backend.forward(placed))

    assert np.array_equal(inputs[:1], before)
    assert np.array_equal(first, second)


def test_an_earlier_result_survives_later_calls(backend: Backend, inputs: Array) -> None:
    """An embedding that was returned is not overwritten by the next call."""
    first = backend.forward(backend.place(inputs[:1]))
    kept = backend.fetch(first).copy()
    backend.forward(backend.place(inputs[1:2]))

    assert np.array_equal(backend.fetch(first), kept)


def test_similarity_is_the_cosine(backend: Backend, inputs: Array) -> None:
    """The backend's own similarity is the float64 cosine of its embeddings to within 1e-5."""
    left, right = (backend.forward(backend.place(inputs[row : row + 1])) for row in (0, 2))
    expected = cosine(backend.fetch(left)[0], backend.fetch(right)[0])

    assert backend.similarity(left, right) == pytest.approx(expected, abs=1e-5)
    assert backend.similarity(left, left) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e38, 1e-38, 1e-42])
@pytest.mark.parametrize("other_scale", [1.0, None])
def test_similarity_holds_for_every_magnitude(
    backend: Backend, scale: float, other_scale: float | None
) -> None:
    """Embeddings whose squares leave float32's range, and denormal ones, have the right cosine."""
    rng = np.random.default_rng(0)
    one = rng.uniform(-1, 1, (1, 512))
    other = one + rng.uniform(-1, 1, (1, 512))
    left: Array = (one * scale).astype(np.float32)
    right: Array = (other * (scale if other_scale is None else other_scale)).astype(np.float32)

    found = backend.similarity(backend.place(left), backend.place(right))

    assert found == pytest.approx(cosine(left, right), abs=1e-5)


def test_similarity_of_nothing_is_zero(backend: Backend) -> None:
    """A zero vector has similarity 0 in every backend, where the quotient is not defined."""
    zero = backend.place(np.zeros((1, 512), dtype=np.float32))

    assert backend.similarity(zero, zero) == 0.0


def test_the_facts_say_how_it_runs(backend: Backend) -> None:
    """Thread counts are pinned to what was asked for, and recorded."""
    facts = backend.facts

    assert facts.settings["intra_op_threads"] == "1"
    assert facts.settings["inter_op_threads"]
    assert not facts.resident


def test_the_canary_disturbs_nothing(backend: Backend, inputs: Array) -> None:
    """The fixed product can be computed between two calls that give the same embedding."""
    before = embed(backend, inputs[:1]).copy()
    backend.canary()

    assert np.array_equal(embed(backend, inputs[:1]), before)


@pytest.mark.parametrize("threads", [1, 2])
def test_as_many_threads_compute_as_are_requested(
    runtime: Runtime, task: Task, threads: int
) -> None:
    """Counted by the kernel in a process of its own, whatever else the machine does."""
    backend = runtime.create(msgspec.structs.replace(task, threads=threads))
    used = threads_used(backend.large_product(), threads)
    assert used is not None

    assert not has_too_few(used, threads)
    assert not has_too_many(used, threads)


def test_what_the_probe_passes_can_load(runtime: Runtime, task: Task) -> None:
    """A provider that is there passes the probe, and a network loads on it."""
    runtime.probe("CPUExecutionProvider")

    assert isinstance(runtime.create(task).facts, BackendFacts)


@pytest.mark.parametrize("provider", ["CUDAExecutionProvider", "TensorrtExecutionProvider"])
def test_a_provider_that_is_not_there_is_refused(
    runtime: Runtime, task: Task, provider: str
) -> None:
    """Neither the probe nor loading a network falls back to the CPU in silence."""
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(BackendError):
        runtime.probe(provider)
    with pytest.raises(BackendError):
        runtime.create(msgspec.structs.replace(task, provider=provider))


CPU = "CPUExecutionProvider"

VARIANTS = [
    ("torch", ("channels-last",), "memory_format", "channels_last"),
    ("torch", ("flush-denormals",), "denormals", "flushed"),
    ("torch", ("fused-batch-norms",), "batch_norms", "fused"),
    ("torch", (), "batch_norms", "kept"),
    ("torch", (), "denormals", "kept"),
    ("torch", (), "memory_format", "contiguous_format"),
    ("ort", ("flush-denormals",), "session.set_denormal_as_zero", "1"),
    ("ort", ("passive",), "session.intra_op.allow_spinning", "0"),
    ("ort", ("spinning",), "session.force_spinning_stop", "0"),
    ("ort", (), "session.force_spinning_stop", "1"),
    ("ort", ("graph-basic",), "graph_optimization", "basic"),
    ("ort", ("graph-extended",), "graph_optimization", "extended"),
    ("ort", ("offline-optimised",), "graph_optimization", "all, offline"),
    ("ort", (), "graph_optimization", "all"),
    ("ort", ("parallel",), "execution_mode", "parallel"),
    ("ort", (), "execution_mode", "sequential"),
    ("ort", (), "inter_op_threads", "1"),
    ("ort", ("no-arena",), "memory_arena", "off"),
    ("ort", (), "session.intra_op.allow_spinning", "1"),
    ("ort", (), "memory_arena", "on"),
    ("ort", ("static-batch",), "graph_batch", "2"),
    ("ort", (), "graph_batch", "free"),
    ("openvino", (), "graph_batch", "free"),
    ("openvino", (), "NUM_STREAMS", "1"),
    ("openvino", (), "INFERENCE_PRECISION_HINT", "f32"),
    ("openvino", ("static-batch",), "graph_batch", "2"),
    ("openvino", ("throughput",), "PERFORMANCE_HINT", "THROUGHPUT"),
]
COMPILED = ("compile", "freezing", "max-autotune")
"""Looked at in ``torch/test_compilation.py``: each takes a minute."""


@pytest.mark.parametrize(
    ("name", "variants", "setting", "value"),
    [pytest.param(*row, marks=needs(row[0])) for row in VARIANTS],
)
@pytest.mark.usefixtures("kept_code")
def test_a_variant_changes_its_setting_and_not_the_embedding(
    name: str,
    variants: tuple[str, ...],
    setting: str,
    value: str,
    task: Task,
    inputs: Array,
    reference: Reference,
) -> None:
    """What was asked for is in force and recorded, and the vector is still the same."""
    runtime = runtime_of(name)
    backend = runtime.create(msgspec.structs.replace(task, variants=variants, batch=2))
    embedding = embed(backend, inputs[:2])
    settings = backend.facts.settings
    # torch's settings are the process's, and other tests want the usual ones.
    runtime.create(task)

    assert settings[setting] == value
    parity = worst_parity(zip(embedding, reference.embeddings[:2], strict=True))
    assert disagreement(parity) is None


def test_every_variant_of_the_registry_is_looked_at() -> None:
    """One that only sets a variable needs no code of the backend's; others need another device."""
    looked_at = {(name, variant) for name, variants, _, _ in VARIANTS for variant in variants}
    by_code = {
        (spec.name, variant.name)
        for spec in BACKENDS
        for variant in spec.known_variants
        if not variant.environment and CPU in (variant.providers or (CPU,))
    }

    assert looked_at | {("torch", name) for name in COMPILED} == by_code

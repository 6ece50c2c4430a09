"""OpenVINO as a backend, on the processor, from the store's ONNX file. Imports openvino alone.

ONNX Runtime's OpenVINOExecutionProvider is another way to the same library.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from simx.common.anonymous import anonymous
from simx.common.safe_text import clean
from simx.runner.backends.contract import (
    CANARY_GRAPH,
    LARGE_SIZE,
    PROBE_TOLERANCE,
    SIMILARITY_GRAPH,
    Array,
    Backend,
    BackendError,
    BackendFacts,
    Placed,
    Runtime,
    RuntimeFacts,
    Task,
    canary_matrix,
)
from simx.runner.backends.engine_settings import OPENVINO_DEVICE, openvino_settings
from simx.runner.backends.ort.placement import CPU, require_processor
from simx.runner.backends.registry import FIXED
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection

# OpenVINO does without this package. With it, it writes an identifier into the home folder and
# sends events to a server of its maker's.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402 - only now

_DATA = {"Input", "Output", "Const"}
"""Types of nodes of a compiled network that compute nothing."""


class _Graph:
    """A compiled graph, called with arrays in the order of its inputs."""

    def __init__(
        self, path: Path, threads: int, variants: Sequence[str] = (), batch: int | None = None
    ) -> None:
        chosen = openvino_settings(threads, variants)
        try:
            core = openvino.Core()
            model = core.read_model(path)
            if batch is not None:
                model.reshape([batch, *list(model.input(0).partial_shape)[1:]])
            self._compiled = core.compile_model(model, OPENVINO_DEVICE, chosen)
        except RuntimeError as error:
            # The lines before the last one are places in its source.
            cause = anonymous(clean(str(error).strip().split("\n")[-1]))
            raise BackendError(f"OpenVINO cannot compile the network: {cause}") from error
        self._request = self._compiled.create_infer_request()

    def run(self, *inputs: Array) -> Array:
        """Call it, and return its output, which later calls do not overwrite."""
        for index, array in enumerate(inputs):
            self._request.set_input_tensor(index, openvino.Tensor(array, shared_memory=True))
        self._request.infer(share_outputs=True)
        output: Array = self._request.get_output_tensor(0).data.copy()
        return output

    def precisions(self) -> Counter[str]:
        """Count the compiled nodes by the numbers that they compute in.

        Raises:
            BackendError: it runs elsewhere than on the processor.
        """
        devices = self._compiled.get_property("EXECUTION_DEVICES")
        if list(devices) != [OPENVINO_DEVICE]:
            raise BackendError(
                f"OpenVINO runs it on {', '.join(devices)} and not on {OPENVINO_DEVICE}"
            )
        facts = (each.get_rt_info() for each in self._compiled.get_runtime_model().get_ops())
        return Counter(
            str(each["runtimePrecision"].value)
            for each in facts
            if each["layerType"].value not in _DATA
        )

    def settings(self) -> dict[str, str]:
        """Return the settings, as the compiled graph reports them."""
        values = {name: self._compiled.get_property(name) for name in openvino_settings(threads=1)}
        return {
            name: value.to_string() if isinstance(value, openvino.Type) else str(value)
            for name, value in values.items()
        }


class OpenVinoBackend(Backend):
    """One exported backbone, compiled for the processor."""

    def __init__(self, task: Task) -> None:
        require_processor("OpenVINO itself", task.provider)
        self._batch = task.batch if FIXED in task.variants else None
        path, threads = Path(task.model_path), task.threads
        if len(task.files) > 1:
            # It refuses a second file that is reached by a link.
            path = path.resolve()
        self._network = _Graph(path, threads, task.variants, self._batch)
        # These are the same work for all variants.
        self._similarity = _Graph(SIMILARITY_GRAPH, threads)
        self._product = _Graph(CANARY_GRAPH, threads)
        self._matrix = canary_matrix()

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs, as the compiled network reports it."""
        settings, precisions = self._network.settings(), self._network.precisions()
        return BackendFacts(
            placement={CPU: precisions.total()},
            settings={
                "intra_op_threads": settings["INFERENCE_NUM_THREADS"],
                "inter_op_threads": "1",
                "graph_batch": str(self._batch or "free"),
                **settings,
                "node_precisions": ", ".join(f"{n} {each}" for each, n in precisions.items()),
            },
            resident=False,
        )

    def place(self, array: Array) -> Placed:
        """Return the array itself."""
        return array

    def forward(self, image: Placed) -> Placed:
        """Compute embeddings."""
        return self._network.run(image)

    def fetch(self, embedding: Placed) -> Array:
        """Return the embeddings, which are on the host."""
        array: Array = embedding
        return array

    def similarity(self, left: Placed, right: Placed) -> float:
        """Return the cosine of two embeddings."""
        return float(self._similarity.run(left, right)[0])

    def canary(self) -> None:
        """Compute the fixed product."""
        self._product.run(self._matrix, self._matrix)

    def large_product(self) -> Callable[[], object]:
        """Return a larger product; threads without work soon sleep."""
        graph, matrix = self._product, canary_matrix(LARGE_SIZE)
        return lambda: graph.run(matrix, matrix)


class OpenVinoRuntime(Runtime):
    """Creates OpenVINO backends."""

    def create(self, task: Task) -> OpenVinoBackend:
        """Load an exported backbone."""
        return OpenVinoBackend(task)

    def describe(self) -> RuntimeFacts:
        """Return the processor alone."""
        return RuntimeFacts(providers=(CPU,), cuda=None)

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Run the similarity graph, and return its nodes; there are no options."""
        assert not options  # noqa: S101 - the registry lets it have none
        require_processor("OpenVINO itself", provider)
        graph, ones = _Graph(SIMILARITY_GRAPH, 1), canary_matrix()[:1]
        cosine = float(graph.run(ones, ones)[0])
        if abs(cosine - 1.0) > PROBE_TOLERANCE:
            raise BackendError(f"OpenVINO computes {cosine} for a cosine of 1")
        return {CPU: graph.precisions().total()}


def main(connection: Connection) -> None:
    """Run an OpenVINO worker."""
    serve(connection, OpenVinoRuntime())

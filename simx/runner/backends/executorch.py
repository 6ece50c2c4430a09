"""ExecuTorch as a backend, with XNNPACK's kernels, on the processor. Imports executorch and torch.

The network is lowered from the store's weights, and executed by ExecuTorch's runtime alone.
"""

import contextlib
import importlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import torch
from torch import nn

from simx.common.temporary import filled
from simx.runner.backends.contract import (
    CANARY_SIZE,
    LARGE_SIZE,
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
from simx.runner.backends.ort.placement import CPU, require_processor
from simx.runner.backends.torch.backend import cosine_of, headless
from simx.runner.backends.torch.compilation import cause_of, in_parts
from simx.runner.measure.worker import serve
from simx.workers.connection import Connection


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Let ExecuTorch call its interface experimental, and use what is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


with _without_warnings():
    from executorch.extension.pybindings.portable_lib import (
        _threadpool_get_thread_count,
        _unsafe_reset_threadpool,
    )
    from executorch.runtime import Runtime as Program

_DELEGATE = "XnnpackBackend"

_NETWORK = "forward"

_FILE, _FACTS = "networks.pte", "facts.json"


class _Lowered(msgspec.Struct, frozen=True):
    """What a network became: its parts that XNNPACK executes, and its other operators, counted."""

    parts: int
    portable: dict[str, int]


class _Product(nn.Module):
    """The product of any matrix and a fixed one, [N, N] both."""

    factor: torch.Tensor

    def __init__(self, factor: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)

    def forward(self, matrix: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(matrix, self.factor)


class ExecuTorchBackend(Backend):
    """One headless backbone, lowered for batches of one size; others are computed in parts of it.

    The program lies in a folder of the cell among the run's temporary files: later launches find
    it there.
    """

    def __init__(self, task: Task) -> None:
        # torch only copies and compares here. Its threads go on spinning after it, and would take
        # cores from those of ExecuTorch's pool.
        torch.set_num_threads(1)
        _unsafe_reset_threadpool(task.threads)
        folder = task.code_folder("executorch")
        self._is_cached = folder.exists()
        self._matrices = {
            size: torch.from_numpy(canary_matrix(size)) for size in (CANARY_SIZE, LARGE_SIZE)
        }
        if not self._is_cached:
            crop = task.backbone.preset.crop
            network = headless(task), torch.zeros(task.batch, 3, crop, crop)
            products = {
                # By an example that is the fixed factor itself, the factor would not be fixed.
                _product(size): (_Product(matrix), torch.zeros_like(matrix))
                for size, matrix in self._matrices.items()
            }
            _lower({_NETWORK: network, **products}, folder)
        self._lowered = msgspec.json.decode((folder / _FACTS).read_bytes(), type=_Lowered)
        self._program = Program.get().load_program(folder / _FILE)
        self._batch = task.batch

    @property
    def facts(self) -> BackendFacts:
        """Where and how it runs."""
        portable = (f"{count} {name}" for name, count in self._lowered.portable.items())
        return BackendFacts(
            placement={},
            settings={
                "intra_op_threads": str(_threadpool_get_thread_count()),
                "inter_op_threads": "1",
                "delegate": _DELEGATE,
                "delegated_parts": str(self._lowered.parts),
                "portable_operators": ", ".join(portable) or "none",
                "graph_batch": str(self._batch),
            },
            resident=False,
            is_cached=self._is_cached,
        )

    def place(self, array: Array) -> Placed:
        """Return a tensor that shares the array's memory."""
        return torch.from_numpy(array)

    def forward(self, image: Placed) -> Placed:
        """Compute embeddings."""
        return in_parts(lambda part: self._call(_NETWORK, part), image, self._batch)

    def fetch(self, embedding: Placed) -> Array:
        """Return the embeddings, which are on the host."""
        array: Array = embedding.numpy()
        return array

    def similarity(self, left: Placed, right: Placed) -> float:
        """Return the cosine of two embeddings, as torch computes it."""
        return cosine_of(left, right)

    def canary(self) -> None:
        """Compute the fixed product."""
        self._call(_product(CANARY_SIZE), self._matrices[CANARY_SIZE])

    def large_product(self) -> Callable[[], object]:
        """Return a larger product, which the network's threads compute."""
        return lambda: self._call(_product(LARGE_SIZE), self._matrices[LARGE_SIZE])

    def _call(self, method: str, tensor: torch.Tensor) -> torch.Tensor:
        """Call one of the program's methods; later calls do not overwrite what it returns."""
        output: torch.Tensor = self._program.load_method(method).execute((tensor,))[0]
        return output


class ExecuTorchRuntime(Runtime):
    """Creates ExecuTorch backends."""

    def create(self, task: Task) -> ExecuTorchBackend:
        """Lower the backbone from the store's weights, without its head, and load it."""
        require_processor("ExecuTorch", task.provider)
        return ExecuTorchBackend(task)

    def describe(self) -> RuntimeFacts:
        """Return the processor alone."""
        return RuntimeFacts(providers=(CPU,), cuda=None)

    def probe(self, provider: str, options: Sequence[str] = ()) -> dict[str, int]:
        """Require XNNPACK's kernels; there is no graph whose nodes could be counted."""
        assert not options  # noqa: S101 - the registry lets it have none
        require_processor("ExecuTorch", provider)
        if not Program.get().backend_registry.is_available(_DELEGATE):
            raise BackendError(f"ExecuTorch was built without {_DELEGATE}")
        return {}


def _product(size: int) -> str:
    return f"product_{size}"


def _lower(networks: Mapping[str, tuple[nn.Module, torch.Tensor]], folder: Path) -> None:
    """Lower networks for inputs of the shapes of their examples, into one program in a folder.

    Raises:
        BackendError: that is not possible.
    """
    with _without_warnings():
        # They take seconds to import, and later launches do not need them.
        xnnpack = importlib.import_module("executorch.backends.xnnpack")
        exir = importlib.import_module("executorch.exir")
        try:
            exported = {
                name: torch.export.export(body, (example,))
                for name, (body, example) in networks.items()
            }
            lowered = exir.to_edge_transform_and_lower(
                exported, partitioner=[xnnpack.XnnpackPartitioner()]
            )
            nodes = list(lowered.exported_program(_NETWORK).graph.nodes)
            called = Counter(node.target.__name__ for node in nodes if node.op == "call_function")
            called.pop("getitem", None)
            parts = called.pop("executorch_call_delegate", 0)
            program = lowered.to_executorch()
        # The errors of all that this calls have no common base class.
        except Exception as error:
            raise BackendError(f"ExecuTorch cannot lower it: {cause_of(error)}") from error
    with filled(folder) as made:
        program.save(str(made / _FILE))
        (made / _FACTS).write_bytes(msgspec.json.encode(_Lowered(parts, dict(called))))


def main(connection: Connection) -> None:
    """Run an ExecuTorch worker."""
    serve(connection, ExecuTorchRuntime())

"""Networks compiled by inductor, torch's compiler, which calls a C++ compiler. Imports torch."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from simx.common.anonymous import anonymous
from simx.common.safe_text import clean
from simx.runner.backends.compiler import cpp_compiler
from simx.runner.backends.contract import BackendError, Task
from simx.runner.backends.engine_settings import inductor_options


class CompiledNetwork:
    """A network compiled for batches of one size; others are computed in parts of it.

    Inductor keeps its code in a folder of the cell among the run's temporary files: later launches
    find it there. It compiles in this process alone.

    Raises:
        BackendError: it cannot be compiled as a whole.
    """

    def __init__(self, body: nn.Module, task: Task, example: torch.Tensor) -> None:
        folder = task.code_folder("inductor")
        self.is_cached = folder.exists()
        # Inductor reads both when it compiles. Its processes would stay beside the measurement.
        os.environ |= {"TORCHINDUCTOR_CACHE_DIR": str(folder), "TORCH_WARM_POOL": "0"}
        chosen = inductor_options(task.variants) or {}
        self.options: dict[str, Any] = {"compile_threads": 1, **chosen}
        self._batch = task.batch
        # A part that is not compiled would be an error, and not a slower network.
        self._call = torch.compile(body, fullgraph=True, options=self.options)
        try:
            self(example)
        # The errors of the compiler and of what it calls have no common base class.
        except Exception as error:
            raise BackendError(f"torch cannot compile it: {cause_of(error)}") from error

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Compute embeddings."""
        return in_parts(self._call, image, self._batch)

    @property
    def settings(self) -> dict[str, str]:
        """What compiled it, and how. Where the compiler is a link, its version is in the name."""
        compiler = Path(str(cpp_compiler())).resolve().name
        options = {f"inductor.{name}": str(value) for name, value in self.options.items()}
        return {"cpp_compiler": compiler, **options}


def in_parts(
    call: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor, batch: int
) -> torch.Tensor:
    """Call a network that is compiled for ``batch`` pictures with any multiple of them."""
    if len(image) == batch:
        return call(image)
    return torch.cat([call(image[at : at + batch]) for at in range(0, len(image), batch)])


def cause_of(error: Exception) -> str:
    """Return the line of an error's text that a compiler calls an error, or else its first one."""
    lines = [clean(line) for line in str(error).splitlines() if line.strip()]
    named = (line for line in lines if " error: " in line)
    return anonymous(next(named, lines[0] if lines else type(error).__name__))

"""Networks that inductor compiles: whole, once for a run, and with the same answers.

It takes minutes to compile a backbone, so most of this is about a tiny network.
"""

import tempfile
from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn

from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone
from simx.results.schema.report import MeasuredCell
from simx.results.schema.times import Scope
from simx.runner.backends.compiler import cpp_compiler
from simx.runner.backends.contract import BackendError, Task
from simx.runner.backends.registry import backend_named
from simx.runner.backends.torch.compilation import CompiledNetwork
from simx.runner.bench.cells import Workload
from simx.runner.bench.targets import Target, open_targets
from tests.runner.benches import PLAN, run, small_pictures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(cpp_compiler() is None, reason="there is no C++ compiler here"),
    pytest.mark.filterwarnings("ignore"),  # of torch's own code
]

PICTURES = torch.arange(4 * 3 * 8 * 8, dtype=torch.float32).reshape(4, 3, 8, 8) / 768


class Tiny(nn.Module):
    """A convolution, and the mean of each of its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.convolution(image)).mean(dim=(2, 3))


class Broken(Tiny):
    """A network that no compiler can take as a whole."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        torch._dynamo.graph_break()
        return super().forward(image)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep inductor's code in the test's folder, and forget what was compiled before."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TORCH_WARM_POOL"):
        monkeypatch.setenv(name, "")  # so that the values of the test do not stay
    torch._dynamo.reset()


def compiled(task: Task, body: nn.Module) -> CompiledNetwork:
    with torch.inference_mode():
        return CompiledNetwork(body, task, PICTURES[: task.batch])


@pytest.mark.parametrize(
    ("variant", "option"),
    [("compile", None), ("freezing", "freezing"), ("max-autotune", "max_autotune")],
)
def test_a_compiled_network_gives_the_same_answers(
    variant: str, option: str | None, task: Task
) -> None:
    """Also for batches of another size; the options and the compiler are stated."""
    body = Tiny().eval()
    network = compiled(msgspec.structs.replace(task, variants=(variant,), batch=2), body)
    with torch.inference_mode():
        for count in (2, 4):
            torch.testing.assert_close(network(PICTURES[:count]), body(PICTURES[:count]))

    assert option is None or network.settings[f"inductor.{option}"] == "True"
    assert network.settings["cpp_compiler"] == Path(str(cpp_compiler())).resolve().name


def test_a_later_launch_is_no_first_start(task: Task, tmp_path: Path) -> None:
    """It finds the code of the cell, and only of this cell, among the temporary files."""
    found = []
    for threads in (1, 1, 2):
        torch._dynamo.reset()
        cell = msgspec.structs.replace(task, variants=("compile",), threads=threads)
        found.append(compiled(cell, Tiny().eval()).is_cached)

    assert found == [False, True, False]
    assert list(tmp_path.rglob("*.so"))


def test_a_network_that_is_compiled_in_part_is_refused(task: Task) -> None:
    """Its time would be that of torch without a compiler, by another name."""
    with pytest.raises(BackendError, match=r"^torch cannot compile it: \S"):
        compiled(msgspec.structs.replace(task, variants=("compile",)), Broken().eval())


def test_a_compiler_that_fails_is_one_line(task: Task) -> None:
    """Whatever it is that it lacks."""
    with (
        torch._inductor.config.patch({"cpp.cxx": ("false",)}),
        pytest.raises(BackendError) as refused,
    ):
        compiled(msgspec.structs.replace(task, variants=("compile",)), Tiny().eval())

    assert "No working C++ compiler found" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_backbone_is_compiled_in_its_worker(
    backbone: Backbone, entry: Entry, tmp_path: Path
) -> None:
    """The first launch of a run starts cold, and the second one with the code of the first."""
    with open_targets([Target(backend_named("torch:compile"), "CPUExecutionProvider")]) as opened:
        plan = PLAN.of(PLAN.config, small_pictures(tmp_path))
        report = run(plan, opened, [Workload(backbone, {"fp32": entry})], tmp_path / "r.json")
    (cell,) = report.cells
    assert isinstance(cell, MeasuredCell)
    launches = {timing.scope: [each.index for each in timing.launches] for timing in cell.timings}
    starts: tuple[Scope, ...] = ("first", "first.create", "first.call", "first.cached", "forward")

    assert [launches[scope] for scope in starts] == [[0], [0], [0], [1], [0, 1]]
    assert not list(tmp_path.rglob("simx-inductor"))

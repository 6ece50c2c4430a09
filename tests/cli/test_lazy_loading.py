"""Commands that only read and print start without the heavy libraries."""

import sys
from pathlib import Path

import pytest

from simx.cli import COMMANDS
from simx.results.files.report import write
from tests.cli.support import run_simx
from tests.results.builders import measured, report

RUNTIMES = frozenset({"torch", "torchvision", "onnx", "onnxruntime", "openvino", "executorch"})
NUMERICS = frozenset({"numpy", "scipy"})

PROGRAM = """
import sys
from simx.cli import main
try:
    main()
except SystemExit as ended:
    code = ended.code or 0
print(code, *sys.modules, file=sys.stderr)
"""


def _loaded(folder: Path, *arguments: str) -> set[str]:
    """Run a command, see that it succeeds, and return the modules it has loaded."""
    outcome = run_simx(*arguments, cwd=folder, python=(sys.executable, "-c", PROGRAM))
    code, *modules = outcome.err.splitlines()[-1].split()

    assert code == "0"
    return set(modules)


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("models",), *((name, "--help") for name in COMMANDS)],
    ids=" ".join,
)
def test_help_and_lists_start_without_heavy_libraries(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    """Neither a runtime nor a numerical library is loaded to tell what there is."""
    loaded = _loaded(folder, *arguments)

    assert loaded & (RUNTIMES | NUMERICS) == set()


def test_reports_are_rendered_without_a_runtime(folder: Path) -> None:
    """``report`` works, and fast, where only a report was copied to."""
    write(folder / "report.json", report(measured()))

    loaded = _loaded(folder, "report", "report.json")

    assert loaded & RUNTIMES == set()

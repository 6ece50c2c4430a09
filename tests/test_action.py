"""The action of the repository: its steps, run as the shell of a workflow runs them.

Its environments are pretended, in all tests but one: they note what pip installs, and their simx
measures nothing, but leaves a report. What compares is the real one.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from simx.common.errors import ExitCode
from simx.results.files.report import write
from tests.documents.pages import DOCS, blocks
from tests.results.builders import identity, measured, report

ROOT = Path(__file__).resolve().parent.parent
ACTION: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))

PYTHON = f"""#!{sys.executable}
import json, os, pathlib, shutil, sys
here, arguments = pathlib.Path(sys.argv[0]), sys.argv[1:]
with open(os.environ["NOTED"], "a") as noted:
    noted.write(json.dumps([here.parts[-3], here.name, *arguments]) + "\\n")
if arguments[:2] == ["-m", "venv"]:
    tools = pathlib.Path(arguments[2], "bin")
    tools.mkdir(parents=True)
    shutil.copy(here, tools / "python")
    shutil.copy(here, tools / "simx")
elif arguments[0] == "bench":
    shutil.copy(os.environ["MEASURED"], arguments[-1])
elif arguments[0] == "diff":
    sys.path.insert(0, {str(ROOT)!r})
    from simx.cli import main
    main()
"""


class Workflow:
    """Runs the action with some inputs, in a folder."""

    def __init__(self, folder: Path, new_ms: float) -> None:
        self.folder = folder
        python = folder / "outside" / "bin" / "python3"
        python.parent.mkdir(parents=True)
        python.write_text(PYTHON, encoding="utf-8")
        python.chmod(0o755)
        cells = [
            measured(identity(backend=name), milliseconds=milliseconds)
            for name, milliseconds in (("base", 50), ("new", new_ms))
        ]
        write(folder / "measured.json", report(*cells))
        (folder / "temporary").mkdir()
        self._given = {"python": str(python)}
        self._variables = os.environ | {
            "NOTED": str(folder / "noted"),
            "MEASURED": str(folder / "measured.json"),
            "RUNNER_TEMP": str(folder / "temporary"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        }

    def run(self, **inputs: str) -> int:
        """Run the steps until one fails, and return its exit code."""
        defaults = {name: each.get("default") for name, each in ACTION["inputs"].items()}
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        contexts = {
            f"inputs.{name}": value for name, value in (defaults | self._given | given).items()
        }
        for number, step in enumerate(ACTION["runs"]["steps"]):
            script = self.folder / f"{number}.sh"
            script.write_text(step["run"], encoding="utf-8")
            assert "${{" not in step["run"]
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
            own = {name: _filled_in(value, contexts) for name, value in step["env"].items()}
            code = subprocess.run(
                shell,
                cwd=self.folder,
                env=self._variables | own,
                check=False,
                stdout=subprocess.DEVNULL,
            ).returncode
            if code:
                return code
            contexts |= (
                {
                    f"steps.{step['id']}.outputs.{name}": value
                    for name, value in self.outputs.items()
                }
                if "id" in step
                else {}
            )
        return 0

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.folder / "output").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def noted(self) -> list[list[str]]:
        """Return the environment, the program and the arguments of everything that was started."""
        lines = (self.folder / "noted").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


def _filled_in(text: str, contexts: Mapping[str, str]) -> str:
    """Return a value with the expressions of a workflow in it evaluated."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: contexts[found[1]], text)


@pytest.mark.parametrize(
    ("new_ms", "inputs", "code"),
    [
        (50.0, {}, ExitCode.DONE),
        (55.0, {}, ExitCode.REGRESSION),
        (55.0, {"threshold": "20%"}, ExitCode.DONE),
        (55.0, {"fail_on": "never"}, ExitCode.DONE),
    ],
)
def test_a_slower_environment_fails_the_step(
    tmp_path: Path, new_ms: float, inputs: dict[str, str], code: ExitCode
) -> None:
    """The gate is that of `simx diff`, whose comparison is in the summary of the step."""
    workflow = Workflow(tmp_path, new_ms)

    assert workflow.run(base="onnxruntime==1", new="onnxruntime==2", **inputs) == code

    assert "| model" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert Path(workflow.outputs["report"]).is_file()


def test_each_environment_has_what_was_asked_for(tmp_path: Path) -> None:
    """Inputs of several words are several arguments; nothing of simx is in the two environments."""
    workflow = Workflow(tmp_path, 50.0)
    workflow.run(
        base="-r base/requirements.txt",
        new="onnxruntime --pre",
        install="torch torchvision",
        select="resnet18 mobilenet_*",
        options="--budget 5m",
        backend="torch",
    )
    found = [[name, *arguments[5:]] for name, *arguments in workflow.noted if "pip" in arguments]
    (bench,) = [arguments for _, tool, *arguments in workflow.noted if arguments[0] == "bench"]
    at = tmp_path / "temporary" / "simx"

    assert found == [
        ["simx", "torch", "torchvision"],
        ["simx", str(ROOT)],
        ["base", "numpy", "msgspec", "-r", "base/requirements.txt"],
        ["new", "numpy", "msgspec", "onnxruntime", "--pre"],
    ]
    assert bench[:5] == ["bench", "resnet18", "mobilenet_*", "--budget", "5m"]
    assert f"base=torch@{at / 'base'}" in bench
    assert f"new=torch@{at / 'new'}" in bench


def test_the_documented_workflow_is_one_of_the_action() -> None:
    """It parses, and its inputs are those of the action, the required ones among them."""
    (text,) = (block.body for block in blocks(DOCS / "two-environments.md", "yaml"))
    (job,) = yaml.safe_load(text)["jobs"].values()
    *_, step = job["steps"]
    required = {name for name, each in ACTION["inputs"].items() if each.get("required")}

    assert required <= step["with"].keys() <= ACTION["inputs"].keys()


def test_inputs_are_no_scripts(tmp_path: Path) -> None:
    """What a pull request may bring along is an argument at most."""
    workflow = Workflow(tmp_path, 50.0)
    evil = "$(touch touched) `touch touched` ; touch touched"

    workflow.run(base=evil, new=evil, select=evil, options=evil, install=evil)

    assert not (tmp_path / "touched").exists()


def test_every_input_is_explained() -> None:
    """Each has a description; those without a default are required, and all are used."""
    used = "".join(value for step in ACTION["runs"]["steps"] for value in step["env"].values())

    for name, each in ACTION["inputs"].items():
        assert each["description"]
        assert each.get("required", False) == ("default" not in each)
        assert f"inputs.{name} " in used


@pytest.mark.slow
def test_two_environments_are_made_measured_and_compared(tmp_path: Path) -> None:
    """Nothing is pretended: pip installs simx, and ONNX Runtime twice, which is equal to itself."""
    workflow = Workflow(tmp_path, 50.0)
    code = workflow.run(
        base="onnxruntime",
        new="onnxruntime",
        options="--profile quick --weights random",
        threshold="50%",
        python=sys.executable,
    )

    # Beside other tests, the machine may be too busy for a verdict.
    assert code in {ExitCode.DONE, ExitCode.INCONCLUSIVE}
    assert "## base cpu → new cpu" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    cells = json.loads(Path(workflow.outputs["report"]).read_bytes())["cells"]
    assert {cell["identity"]["backend"] for cell in cells} == {"base", "new"}

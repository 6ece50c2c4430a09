"""The files that make, GitHub and editors read: they parse, and they name what exists."""

import configparser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from simx import __version__

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
MEASURED = {"torch", "torchvision", "onnx", "onnxruntime", "openvino", "executorch"}
"""What stays a range, because it is what simx measures."""
NEEDS_TORCH = MEASURED - {"onnxruntime"} | {"onnxscript", "safetensors"}

PINNED_ACTION = re.compile(r"[\w.-]+/[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})")
_MARKER = r"[a-z_]+ [<>=!]+ '[\w.]+'"
PIN = re.compile(rf"([a-z0-9-]+)==[\w.]+( ; {_MARKER}( (and|or) {_MARKER})*)? +# via .+")


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def targets() -> set[str]:
    """Return the targets that `make help` lists."""
    lines = re.findall(r"^([a-z][a-z -]*):.*  ## ", makefile(), re.MULTILINE)
    return {name for line in lines for name in line.split()}


def setup() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


def required(text: str) -> set[str]:
    """Return the names, in lower case, that a list of requirements has."""
    return {re.split(r"[>=<\[]", line)[0].lower() for line in lines_of(text)}


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of a workflow, each with the choices of its job's matrix."""
    for job in parsed(path)["jobs"].values():
        for step in job.get("steps", []):
            yield {**step, "matrix": job.get("strategy", {}).get("matrix", {})}


def made(path: Path) -> Iterator[str]:
    """Yield every target of make that a workflow names."""
    for step in steps(path):
        for target in re.findall(r"\bmake ([\w-]+|\$\{\{ [\w.]+ \}\})", step.get("run", "")):
            choice = target.strip("${ }").removeprefix("matrix.")
            yield from step["matrix"].get(choice, [target])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_makes_targets_that_exist(path: Path) -> None:
    """Everything a workflow does is a target of the Makefile, so it can be done by hand too."""
    assert set() < set(made(path)) <= targets()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_bounded(path: Path) -> None:
    """It states its permissions and how long its jobs may take, and its actions are pinned."""
    workflow = parsed(path)
    used = [step["uses"] for step in steps(path) if "uses" in step]
    own = [job for job in workflow["jobs"].values() if "steps" in job]

    assert workflow["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in own)
    assert all(PINNED_ACTION.fullmatch(action) for action in used), used
    assert "secrets." not in path.read_text(encoding="utf-8")


def test_every_supported_python_is_tested() -> None:
    """The matrix has the versions of the classifiers, and begins with the oldest allowed."""
    matrix = parsed(ROOT / ".github/workflows/test.yml")["jobs"]["test"]["strategy"]["matrix"]
    classifiers = re.findall(r":: (3\.\d+)$", setup()["metadata"]["classifiers"], re.MULTILINE)

    assert matrix["python"] == classifiers
    assert setup()["options"]["python_requires"] == f">={classifiers[0]}"


def test_a_release_is_published_without_a_token() -> None:
    """The job that publishes may prove who it is and do nothing else, and tests come before it."""
    jobs = parsed(ROOT / ".github/workflows/release.yml")["jobs"]

    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    assert jobs["build"]["needs"] == "test"
    assert (ROOT / jobs["test"]["uses"]).is_file()


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_what_forms_need(path: Path) -> None:
    """A name, a description, and fields with an identifier each."""
    form = parsed(path)
    identifiers = [field["id"] for field in form["body"]]

    assert form["name"]
    assert form["description"]
    assert len(set(identifiers)) == len(identifiers) > 0


def test_the_hooks_run_the_tools_of_the_constraints() -> None:
    """What is checked before a commit is checked by the versions that `make check` has."""
    (local,) = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    tools = [hook["entry"].split()[0] for hook in local["hooks"]]

    assert local["repo"] == "local"
    assert {tool.removeprefix(".venv/bin/") for tool in tools} == {"ruff", "mypy"} <= pins()


def test_updates_are_asked_for_what_is_pinned() -> None:
    """Dependabot looks after the constraints and the actions."""
    updates = parsed(ROOT / ".github" / "dependabot.yml")["updates"]

    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}


def test_the_citation_is_of_this_version() -> None:
    """Version and licence are those of the package."""
    citation = parsed(ROOT / "CITATION.cff")

    assert citation["version"] == __version__
    assert citation["license"] == setup()["metadata"]["license"]


def test_the_editor_s_rules_are_those_of_the_linter() -> None:
    """Lines are as long in an editor as ruff lets them be; a Makefile has tabs."""
    rules = configparser.ConfigParser()
    rules.read_string("[all]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))

    assert "line-length = " + rules["*"]["max_line_length"] in (ROOT / "pyproject.toml").read_text(
        encoding="utf-8"
    )
    assert rules["Makefile"]["indent_style"] == "tab"


def pins() -> set[str]:
    """Return the names that constraints.txt pins."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {line.split("==")[0] for line in lines if not line.startswith("#")}


def test_everything_is_pinned_but_what_is_measured() -> None:
    """Every dependency and extra of setup.cfg has its version in constraints.txt."""
    wanted = required(setup()["options"]["install_requires"]).union(
        *(required(extra) for extra in setup()["options.extras_require"].values())
    )

    assert wanted - pins() == MEASURED
    assert not {name for name in pins() if name.startswith(("torch", "onnxruntime", "triton"))}


def test_a_pin_is_a_version_and_no_address() -> None:
    """No constraint names a server or a folder, and each says who needs it."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not line.startswith("#") and not PIN.fullmatch(line)]

    assert wrong == []


def test_environments_without_torch_have_all_the_rest() -> None:
    """The Makefile lists for them what setup.cfg requires, but for torch and its exporter."""
    (listed,) = re.findall(r"^WITHOUT_TORCH := (.+)$", makefile(), re.MULTILINE)
    needed = required(setup()["options"]["install_requires"])

    assert set(listed.lower().split()) == needed - NEEDS_TORCH - {"onnxruntime"}


def test_every_target_is_explained() -> None:
    """`make help` lists each target that is no file."""
    (phony,) = re.findall(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile(), re.MULTILINE)

    assert set(phony.replace("\\\n", " ").split()) == targets()

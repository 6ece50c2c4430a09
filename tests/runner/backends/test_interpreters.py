"""Backends from other environments: found, named, and refused in one line."""

import venv
from importlib.metadata import version
from pathlib import Path

import pytest

from simx.common.errors import InputError, ProviderUnavailableError
from simx.results.files.anonymised import anonymised
from simx.results.schema.config import Config
from simx.runner.backends.interpreters import LEAST
from simx.runner.backends.providers import probe
from simx.runner.backends.registry import backend_named
from simx.runner.bench.targets import located, planned_targets, started
from tests.cli.support import borrowing_environment

CPU = "CPUExecutionProvider"
ORT = f"ort {version('onnxruntime')}"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment without packages."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, symlinks=True)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that borrows the packages of this one."""
    return borrowing_environment(tmp_path_factory.mktemp("other") / "venv")


def of(*backends: str) -> Config:
    """Return a configuration of these backends on the processor."""
    return Config(
        pilot=1,
        launches=1,
        rounds=1,
        backends=backends,
        providers=(CPU,),
        embedding="pooled",
        precisions=("fp32",),
        threads=1,
        weights="random",
        profile="quick",
    )


@pytest.mark.parametrize("executable", [".", "bin/python"])
def test_a_backend_is_named_by_its_distribution_and_version(other: Path, executable: str) -> None:
    """A venv's folder and its executable mean the same, and variants follow the name."""
    assert backend_named(f"ort@{other / executable}:spinning").label == f"{ORT}:spinning"


def test_a_label_replaces_the_name(other: Path) -> None:
    """A label stands where distribution and version would stand."""
    assert backend_named(f"new=ort@{other}:spinning").label == "new:spinning"


def test_a_command_has_the_name_without_the_path(other: Path) -> None:
    """A report's command names the backend so that only the environment has to be filled in."""
    assert backend_named(f"ort@{other}:spinning").typed == f"{ORT}=ort@ENVIRONMENT:spinning"
    assert backend_named("new=ort:spinning").typed == "new=ort:spinning"
    assert backend_named("ort:spinning").typed == "ort:spinning"


def test_a_located_name_means_the_same_backend(other: Path) -> None:
    """A journal's name of a backend is complete, and reading it again gives the same."""
    name = located(f"ort@{other}:spinning")
    assert name == f"{ORT}=ort@{other}/bin/python:spinning"
    assert backend_named(name) == backend_named(f"ort@{other}:spinning")
    assert located(name) == name


@pytest.mark.parametrize(
    ("backend", "kept"),
    [
        ("new=ort@/home/me/venv/bin/python", "new"),
        ("ort 1.31.1=ort@/v/bin/python:spinning", "ort 1.31.1:spinning"),
        ("ort:use_tf32=1", "ort:use_tf32=1"),
        ("torch", "torch"),
    ],
)
def test_a_report_has_no_path_of_an_environment(backend: str, kept: str) -> None:
    """The configuration of a report has a backend's label instead of its environment."""
    assert anonymised(of(backend)).backends == (kept,)


def test_two_backends_of_one_name_need_a_label(other: Path, tmp_path: Path) -> None:
    """Two environments with the same versions are told apart by a label alone."""
    link = tmp_path / "link"
    link.symlink_to(other)
    for variant in ("", ":spinning"):
        with pytest.raises(InputError, match=f"another backend is also named {ORT}; give one of"):
            planned_targets(of(f"ort@{other}", f"ort@{link}{variant}"))
    targets, _ = planned_targets(of(f"ort@{other}", f"new=ort@{link}"))
    assert [target.backend.label for target in targets] == [ORT, "new"]


def test_missing_packages_are_named_with_their_pip_command(bare: Path) -> None:
    """What a worker needs and the environment lacks is one line, with the command to mend it."""
    with pytest.raises(ProviderUnavailableError) as raised:
        backend_named(f"ort@{bare}")
    names = " ".join(f"'{name}>={LEAST[name]}'" for name in ("onnxruntime", "numpy", "msgspec"))
    assert str(raised.value).endswith(f"{bare}/bin/python -m pip install {names}")


@pytest.mark.parametrize("content", [None, "", "#!/bin/sh\nexit 1\n"])
def test_a_path_without_a_python_is_refused(tmp_path: Path, content: str | None) -> None:
    """A file that is missing, not executable, or no Python is an error that names it."""
    path = tmp_path / "python"
    if content is not None:
        path.write_text(content, encoding="utf-8")
        path.chmod(0o700 if content else 0o600)
    with pytest.raises((InputError, ProviderUnavailableError), match=f"environment {path}: "):
        backend_named(f"ort@{path}")


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    """An interpreter that is too old for the workers' code is refused by its version."""
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\necho 3 10\n", encoding="utf-8")
    path.chmod(0o700)
    with pytest.raises(ProviderUnavailableError, match=r"is Python 3\.10, and workers need 3\.11"):
        backend_named(f"ort@{path}")


def test_workers_run_in_the_other_environment(other: Path) -> None:
    """A worker of another environment answers, from the simx that the parent is."""
    with started(backend_named(f"ort@{other}")) as launcher:
        reply = probe(CPU, launcher)
        with launcher.launch() as worker:
            prefix = Path(f"/proc/{worker.pid}/cmdline").read_bytes().split(b"\0")[0]
    assert not hasattr(reply, "reason")
    assert Path(prefix.decode()) == other / "bin" / "python"

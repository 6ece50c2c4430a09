"""The wheel: what is in it, and that it works where nothing else of the project is."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import msgspec
import pytest

from simx import __version__
from simx.models.catalogue import load

ROOT = Path(__file__).resolve().parent.parent

NOT_SOURCE = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "dist", "venv", "*.safetensors"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the source, so that nothing is left in the source itself."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_SOURCE)
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    _run(sys.executable, "-m", "pip", "wheel", *options, "-w", folder / "built", folder / "source")
    [built] = (folder / "built").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it into an environment of its own, which borrows this one's other packages.

    Returns:
        The environment's folder of commands.
    """
    folder = tmp_path_factory.mktemp("installed")
    _run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    paths = sysconfig.get_paths("venv", {"base": str(folder / "venv")})
    python = Path(paths["scripts"]) / Path(sys.executable).name
    _run(
        *(sys.executable, "-m", "pip", "--python", python),
        *("install", "--no-deps", "--no-index", "--quiet", wheel),
    )
    # Behind its own packages, and without the links of this environment's editable installs.
    borrowed = "\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (Path(paths["purelib"]) / "borrowed.pth").write_text(f"{borrowed}\n")
    return Path(paths["scripts"])


def test_the_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    """Data files, licence and type marker are in it; tests, scripts and documents are not."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())

    info = f"simx_bench-{__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"simx", info}
    assert names >= {
        "simx/py.typed",
        "simx/models/catalogue.json",
        "simx/models/timm.json",
        "simx/images/bundled/PROVENANCE.md",
        "simx/images/bundled/anchor.jpg",
        "simx/images/bundled/positive.jpg",
        "simx/images/bundled/negative.jpg",
        "simx/images/bundled/negative_resized.jpg",
        "simx/report/formats/page/static/page.css",
        "simx/report/formats/page/static/start.js",
        "simx/report/formats/page/templates/page.html.j2",
        "simx/report/formats/page/vendored/chart.umd.min.js",
        "simx/report/formats/page/vendored/chart.js-LICENSE.md",
        "simx/report/formats/page/vendored/manifest.json",
        "simx/runner/measure/graphs/canary.onnx",
        "simx/runner/measure/graphs/similarity.onnx",
        f"{info}/licenses/LICENSE",
        f"{info}/licenses/simx/report/formats/page/vendored/chart.js-LICENSE.md",
        f"{info}/entry_points.txt",
    }


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    """A room that is left out of the packaging would only be missed by whoever installs it."""
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".py")}

    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "simx").rglob("*.py")}
    assert packed == written


def test_the_installed_command_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    """Away from the source, the command lists all backbones from the catalogue it came with."""
    version = _run(installed / "simx", "--version", cwd=tmp_path)
    models = _run(installed / "simx", "models", "--format", "json", cwd=tmp_path)
    where = _run(installed / "python", "-c", "import simx; print(simx.__file__)", cwd=tmp_path)

    assert version.split()[-1] == __version__
    assert len(msgspec.json.decode(models, type=list[msgspec.Raw])) == len(load())
    assert Path(where.strip()).is_relative_to(installed.parent)


def test_the_installed_files_can_be_used(installed: Path, tmp_path: Path) -> None:
    """The bundled pictures and graphs are found where the package was installed."""
    program = (
        "from importlib.resources import files\n"
        "from simx.images.pictures import bundled, describe\n"
        "assert all(describe(path).bundled for _, path in bundled().files())\n"
        "assert (files('simx.runner.measure') / 'graphs' / 'canary.onnx').is_file()\n"
        "from simx.models.ranges import DEFAULT_RANGES\n"
        "from simx.report.contents import report_content\n"
        "assert '<title>simx' in report_content([], DEFAULT_RANGES).html()\n"
        "print('found')"
    )

    assert _run(installed / "python", "-c", program, cwd=tmp_path) == "found\n"


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command that knows nothing of the source folder, and return its stdout."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=kept, capture_output=True, encoding="utf-8", check=False
    )

    assert done.returncode == 0, done.stderr
    return done.stdout

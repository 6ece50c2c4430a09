"""The code blocks of the documents run as they are written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.documents.pages import DOCS, DOCUMENTS, ROOT, blocks, name_of, two_cells

TUTORIAL = DOCS / "tutorial.md"
"""Its reports are what other pages' examples read."""

TITLES = {
    "changes the environment",
    "changes the repository",
    "needs a GPU",
    "needs a bucket",
    "needs a cluster",
    "needs fish",
    "needs other files",
    "needs zsh",
    "takes minutes",
}
"""Why a block may be left out."""

RUN = [
    path
    for path in DOCUMENTS
    if path != TUTORIAL
    and (any(block.title is None for block in blocks(path, "sh")) or blocks(path, "python"))
]


def run(page: Path, folder: Path, home: Path) -> None:
    """Run a page's blocks in a folder, one after the other, where no network is asked."""
    tools = Path(sys.executable).parent
    inherited = {name: value for name, value in os.environ.items() if "SIMX" not in name}
    variables = {
        "HOME": str(home),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SIMX_BENCH_THREADS": "1",  # Threads that share cores with other tests wait for each other.
        "SIMX_OFFLINE": "1",
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
    }
    shell = [("bash", "-euc", block.body) for block in blocks(page, "sh") if block.title is None]
    python = [(sys.executable, "-c", block.body) for block in blocks(page, "python")]
    for command in (*shell, *python):
        ran = subprocess.run(
            command,
            cwd=folder,
            env=inherited | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

        assert ran.returncode == 0, f"{name_of(page)}:\n{command[-1]}\n{ran.stdout}{ran.stderr}"


def test_the_blocks_of_the_documents_run(tmp_path: Path) -> None:
    """Every command of every page ends with exit code 0, after those of the tutorial."""
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    checkout.mkdir()
    for name in ("examples", "scripts", "simx", "tests"):
        (checkout / name).symlink_to(ROOT / name)
    run(TUTORIAL, checkout, home)
    for page in RUN:
        folder = tmp_path / name_of(page).replace("/", "-")
        shutil.copytree(checkout, folder, symlinks=True)
        run(page, folder, home)


def test_a_block_that_is_left_out_says_why() -> None:
    """Only a known reason keeps a block from being run."""
    titles = {block.title for path in DOCUMENTS for block in blocks(path, "sh")}

    assert titles - {None} <= TITLES


def test_the_derivation_by_hand_works(tmp_path: Path) -> None:
    """The Python that derives a figure from raw times prints what the tables show."""
    two_cells(tmp_path / "report.json")
    (block,) = [each for each in blocks(DOCS / "python.md", "python") if "estimate(" in each.body]
    ran = subprocess.run(
        [sys.executable, "-c", block.body],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["torch", "ort", "ratio"]
    assert "value=1.25" in ran.stdout

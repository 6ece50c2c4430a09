"""The charting library: what its authors published, under a licence that goes with it."""

import hashlib
import subprocess
import sys
from pathlib import Path

from simx.report.formats.page.vendored import FOLDER, manifest, scripts

SCRIPT = Path(__file__).resolve().parents[4] / "scripts" / "vendor_charts.py"


def test_every_file_has_the_hash_that_is_written_down() -> None:
    """Nobody has touched a file, and every file is accounted for."""
    listed = {file.name: file.sha256 for package in manifest() for file in package.files}
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.iterdir()
        if path.is_file() and path.name not in {"__init__.py", "manifest.json"}
    }

    assert there == listed


def test_the_licences_go_along() -> None:
    """A page that carries the library carries its authors' conditions."""
    carried = scripts()

    for package in manifest():
        assert f"{package.name} {package.version}" in carried
        assert package.licence == "MIT"
    assert carried.count("Permission is hereby granted") == len(manifest())


def test_nothing_in_it_ends_a_script_element_or_names_another_file() -> None:
    """It can stand inside a page as it is."""
    carried = scripts().lower()

    assert "</script" not in carried
    assert "<!--" not in carried
    assert "sourcemappingurl" not in carried
    assert "\r" not in carried


def test_the_script_compares_the_hashes() -> None:
    """``--check`` finds everything in order."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")

"""The pages of the documentation build into a site."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simx.cli import COMMANDS
from tests.documents.pages import ROOT

pytest.importorskip("mkdocs")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as strictly as mkdocs can, links and anchors included."""
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_the_options_come_from_the_code(site: Path, command: str) -> None:
    """A command's page shows the options that its help shows."""
    page = (site / "commands" / f"{command}.html").read_text(encoding="utf-8")

    assert f"simx {command} [OPTIONS]" in page
    assert "--format" in page


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """A page can be read without a network: no font, script or style comes from a server."""
    loaded = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?:[^\" >]+)")
    found = {
        address
        for page in site.rglob("*.html")
        for address in loaded.findall(page.read_text(encoding="utf-8"))
    }

    assert found == set()

"""Temporary files have one place, and a system without one is explained."""

import re
import tempfile
from pathlib import Path

import pytest

import simx
from simx.common.errors import SystemFailureError
from simx.common.temporary import temporary_file, temporary_folder


def test_a_folder_is_gone_afterwards() -> None:
    """With all that is in it."""
    with temporary_folder() as folder:
        (folder / "file").write_text("content")

    assert not folder.exists()


@pytest.mark.parametrize("make", [temporary_file, lambda: temporary_folder().__enter__()])
def test_a_system_without_a_place_is_explained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: object
) -> None:
    """The message names the variable that sets another place."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "missing")])
    assert callable(make)
    with pytest.raises(SystemFailureError, match="set TMPDIR"):
        make()


def test_no_other_file_of_the_code_makes_temporary_files_there() -> None:
    """All others name the folder to make them in."""
    uses = re.compile(r"tempfile\.\w+\((?!.*\bdir=)")
    package = Path(simx.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if uses.search(path.read_text(encoding="utf-8"))
    }

    assert found == {"common/temporary.py"}

"""Which file may be written, and which would be destroyed."""

import os
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.common.output_files import STDOUT, has_content, require_unread

NAMES = (
    "report.json",
    "../folder/./report.json",
    "link",
    "hard link",
    "../linked/report.json",
)
"""Of the same file, seen from its folder."""


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file that a command reads, and change to its folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = folder / "report.json"
    path.write_text("precious")
    Path("link").symlink_to(path)
    Path("hard link").hardlink_to(path)
    (tmp_path / "linked").symlink_to(folder)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_read_is_no_output(read: Path, name: str) -> None:
    """Whatever it is called, as output or as input: it is the file that counts."""
    pairs = ((Path(name), ["missing", str(read)]), (read, [name]), (read, [str(read)]))
    for output, inputs in pairs:
        with pytest.raises(InputError, match="this command reads that file"):
            has_content(output, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_a_folder_that_is_read_is_no_output(read: Path, name: str) -> None:
    """A folder stands for all its files; a new one may be added to it."""
    with pytest.raises(InputError, match="this command reads that file"):
        has_content(Path(name), [read.parent])

    assert not has_content(read.with_name("new.json"), [read.parent])


def test_another_file_is_an_output(read: Path) -> None:
    """It has content to lose, or has none."""
    other, empty = read.with_name("other"), read.with_name("empty")
    other.write_text("x")
    empty.touch()

    found = [has_content(path, [read]) for path in (other, empty, read.with_name("new"))]
    assert found == [True, False, False]
    assert not has_content(Path("/dev/null"), [read])


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o555])
def test_a_read_only_file_is_no_output(read: Path, mode: int) -> None:
    """As for the shell, although its folder would allow to rename another file over it."""
    read.chmod(mode)

    with pytest.raises(InputError, match=f"is read-only \\(mode 0{mode:o}\\)"):
        has_content(read, [])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "--output is empty"),
        ("nowhere/report.json", "nowhere/report.json: there is no folder nowhere; create it first"),
        ("dangling", "there is no folder"),
        (".", "--output is empty"),
        ("folder", "folder: is a folder; name a file"),
        ("file/report.json", "cannot be written (Not a directory)"),
        ("circle", "cannot be written (Too many levels of symbolic links)"),
        ("n" * 300, "cannot be written (File name too long)"),
        ("nul\0", "cannot be written (embedded null byte)"),
        ("https://example.org/report.json", "https://example.org/report.json: is a URL"),
    ],
)
def test_what_cannot_be_written_is_refused(
    path: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before any work, in one line."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    Path("circle").symlink_to("circle")
    Path("dangling").symlink_to("nowhere/report.json")

    with pytest.raises(InputError) as refused:
        has_content(Path(path), [])

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_link_to_a_new_file_is_an_output(tmp_path: Path) -> None:
    """Its target will be written, in a folder that is there."""
    link = tmp_path / "link"
    link.symlink_to("new.json")

    assert not has_content(link, [])


def test_stdout_is_an_output_too(read: Path) -> None:
    """``simx report R >> R`` would append to what it reads; a terminal or a pipe is no file."""
    saved = os.dup(1)
    try:
        with read.open("ab") as appended:
            os.dup2(appended.fileno(), 1)
            with pytest.raises(InputError, match="this command reads that file"):
                require_unread(STDOUT, [read])
        end, begin = os.pipe()
        os.dup2(begin, 1)
        require_unread(STDOUT, [STDOUT, read])
        os.close(end)
        os.close(begin)
    finally:
        os.dup2(saved, 1)
        os.close(saved)

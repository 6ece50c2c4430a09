"""Opening the file behind a picture."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from simx.errors import InputError
from simx.images.files import opened, shown
from simx.images.limits import MAX_FILE_BYTES


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("./a picture.jpg", "./a picture.jpg"),
        ("../Ünicode/猫.png", "../Ünicode/猫.png"),
        ("two\nlines.png", "'two\\nlines.png'"),
        ("\x1b[31mred.png", "'\\x1b[31mred.png'"),
        ("not-utf8-\udcff.png", "'not-utf8-\\udcff.png'"),
        ("", "''"),
        (Path("folder") / "a.png", "folder/a.png"),
    ],
)
def test_a_path_is_shown_as_it_was_typed(path: str | Path, text: str) -> None:
    """A path is repeated as it is, and escaped only where it would break the line."""
    assert shown(path) == text


def test_an_ordinary_file_is_opened_unread_and_closed(tmp_path: Path) -> None:
    """The file is handed out at its first byte and closed when the caller is done."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"content")

    with opened(path) as file:
        content = file.read()

    assert content == b"content"
    assert file.closed


def _missing(folder: Path) -> Path:
    return folder / "missing.png"


def _below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"x")
    return folder / "file" / "p.png"


def _empty(folder: Path) -> Path:
    path = folder / "empty.png"
    path.touch()
    return path


def _dangling(folder: Path) -> Path:
    path = folder / "link.png"
    path.symlink_to(folder / "nowhere.png")
    return path


def _circular(folder: Path) -> Path:
    path = folder / "circle.png"
    path.symlink_to(path)
    return path


def _pipe(folder: Path) -> Path:
    path = folder / "pipe.png"
    os.mkfifo(path)
    return path


def _too_long(folder: Path) -> Path:
    path = folder / "long.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, "does not exist"),
        (_below_a_file, "cannot be opened (Not a directory)"),
        (_empty, "is empty (0 bytes)"),
        (_dangling, "does not exist"),
        (_circular, "cannot be opened"),
        (_pipe, "is a pipe, socket or device"),
        (_too_long, "268,435,457 bytes, more than"),
        (lambda folder: folder, "is a directory"),
        (lambda _: Path("/dev/null"), "is a pipe, socket or device"),
        (lambda folder: folder / ("n" * 300), "cannot be opened (File name too long)"),
        (lambda folder: folder / "nul\0.png", "cannot be opened (embedded null byte)"),
    ],
)
def test_what_is_no_picture_file_is_refused(
    make: Callable[[Path], Path], words: str, tmp_path: Path
) -> None:
    """Anything but a regular file of a sensible length is refused, at once and in one line."""
    path = make(tmp_path)

    with pytest.raises(InputError) as caught, opened(path):
        pass

    message = str(caught.value)
    assert shown(path) in message
    assert words in message
    assert "\n" not in message


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket cannot be opened as a file, and the message says so."""
    monkeypatch.chdir(tmp_path)  # a socket's path is limited to about 100 bytes
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.png")

        with pytest.raises(InputError, match=r"s\.png cannot be opened"), opened("s.png"):
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A file without read permission is refused with the system's reason."""
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")
    path.chmod(0)

    with pytest.raises(InputError, match="Permission denied"), opened(path):
        pass

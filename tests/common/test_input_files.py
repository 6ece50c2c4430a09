"""Opening a file that anybody may have made."""

import gzip
import os
import socket
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.common.input_files import InputKind, opened, read_whole, shown

KIND = InputKind(label="picture ", mend="name another", most_bytes=2**20)


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

    with opened(path, KIND) as file:
        content = file.read()

    assert content == b"content"
    assert file.closed


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing.png", "no such file"),
        ("file/p.png", "cannot be read (Not a directory)"),
        ("dangling.png", "no such file"),
        ("circle.png", "cannot be read (Too many levels of symbolic links)"),
        ("pipe.png", "is not a file"),
        ("socket.png", "cannot be read (No such device or address)"),
        ("long.png", "has 1,099,511,627,776 bytes, more than the 1,048,576 allowed"),
        (".", "is a folder, not a file"),
        ("/dev/null", "is not a file"),
        ("/dev/zero", "is not a file"),
        ("n" * 300, "cannot be read (File name too long)"),
        ("nul\0.png", "cannot be read (embedded null byte)"),
        ("-", "stdin cannot be used here"),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_what_is_no_file_is_refused(
    path: str, words: str, kind: type[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything but a regular file of a sensible length is refused, at once and in one line."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("dangling.png").symlink_to("nowhere.png")
    Path("circle.png").symlink_to("circle.png")
    os.mkfifo("pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
    with Path("long.png").open("wb") as file:
        file.truncate(2**40)

    with pytest.raises(InputError) as caught, opened(kind(path), KIND):
        pass

    message = str(caught.value)
    assert message.startswith(f"picture {shown(path)}: {words}")
    assert message.endswith("; name another")
    assert "\n" not in message


def test_a_pipe_is_bounded_where_it_is_allowed(tmp_path: Path) -> None:
    """A pipe has no length to ask for, and is read no further than a file."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    keeper = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(keeper, bytes(100))
    small = InputKind(label="", mend="name another", most_bytes=50, pipes=True)

    try:
        with pytest.raises(InputError, match="more than the 50 allowed"):
            read_whole(path, small)
    finally:
        os.close(keeper)


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="no such file here")
def test_a_file_that_the_system_makes_up_is_bounded() -> None:
    """What is endless although it has a length of 0 is read as far as a file may go."""
    with pytest.raises(InputError, match=r"more than the 1,048,576 allowed|cannot be read"):
        read_whole("/proc/self/pagemap", KIND)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A file without read permission is refused with the system's reason."""
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")
    path.chmod(0)

    with pytest.raises(InputError, match="Permission denied"), opened(path, KIND):
        pass


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a/cat.jpg", "s3://bucket/cat.jpg", "file:///cat.jpg", "HTTP://a/b?c=d"],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_a_url_is_answered_as_one(url: str, kind: type[str | Path]) -> None:
    """The message shows it whole, although a path drops one of its slashes."""
    with pytest.raises(InputError) as caught, opened(kind(url), KIND):
        pass

    shown_url = url.replace(":///", "://")
    assert str(caught.value).startswith(f"picture {shown_url}: is a URL, and simx uses local files")


def test_a_file_may_be_called_as_a_url_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What exists is a file, whatever it is called."""
    monkeypatch.chdir(tmp_path)
    Path("http:").mkdir()
    Path("http://a.png").write_bytes(b"content")

    assert read_whole("http://a.png", KIND) == b"content"


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Text begins after it; only one at the beginning is one."""
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]\xef\xbb\xbf")

    assert read_whole(path, KIND) == b"[1]\xef\xbb\xbf"


PACKED = InputKind(label="", mend="name another", most_bytes=2**20, gzip=True)


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (gzip.compress(b"text"), b"text"),
        (gzip.compress(b"text") + gzip.compress(b" and more"), b"text and more"),
        (gzip.compress(b"\xef\xbb\xbftext"), b"text"),
        (b"\x1f\x8b", None),
        (gzip.compress(b"text" * 999)[:-9], None),
        (gzip.compress(b"text" * 999)[:20] + bytes(20), None),
        (gzip.compress(bytes(2**20)), bytes(2**20)),
        (gzip.compress(bytes(2**20 + 1)), None),
    ],
    ids=["one part", "two parts", "byte order mark", "head", "cut", "damaged", "full", "too long"],
)
def test_a_packed_file_is_unpacked_within_the_limit(
    data: bytes, content: bytes | None, tmp_path: Path
) -> None:
    """Where that is allowed; the limit is the one of what comes out, and damage is an error."""
    path = tmp_path / "a.json.gz"
    path.write_bytes(data)

    assert read_whole(path, KIND) == data
    if content is not None:
        assert read_whole(path, PACKED) == content
        return
    with pytest.raises(InputError, match=r"a damaged gzip file|more than the 1,048,576 allowed"):
        read_whole(path, PACKED)

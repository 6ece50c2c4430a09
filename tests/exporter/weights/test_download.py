import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simx.common.errors import InputError, SystemFailureError
from simx.exporter.weights.download import Downloads
from simx.models.backbone import Backbone
from tests.exporter.weights.server import Answer, Site, serving
from tests.exporter.weights.support import renamed_for

CONTENT = bytes(range(256)) * 4096


def file_name(backbone: Backbone) -> str:
    return backbone.url.rpartition("/")[2]


@pytest.fixture
def named(small: Backbone) -> Backbone:
    """A backbone whose checkpoint is CONTENT."""
    return renamed_for(small, CONTENT)


@dataclass
class Heard:
    """What the callbacks of downloads received."""

    figures: list[tuple[int, int | None]] = field(default_factory=list)
    arrived: list[Backbone] = field(default_factory=list)


def fetch(
    backbone: Backbone,
    mirror: str | None = None,
    heard: Heard | None = None,
    stall_seconds: float = 30.0,
) -> Path:
    """Fetch a checkpoint, trying again at once."""
    heard = heard or Heard()
    return Downloads(
        mirror=mirror,
        progress=lambda _, *figures: heard.figures.append(figures),
        arrived=heard.arrived.append,
        stall_seconds=stall_seconds,
        retry_seconds=(0.0, 0.0),
    ).fetch(backbone)


@contextmanager
def answering(named: Backbone, *answers: Answer) -> Iterator[Site]:
    with serving({file_name(named): answers}) as site:
        yield site


def whole() -> Answer:
    return Answer(body=CONTENT, announced=len(CONTENT))


def left_behind(checkpoints: Path) -> list[str]:
    return [path.name for path in checkpoints.glob("*") if path.suffix != ".lock"]


def test_checkpoint_arrives_whole(named: Backbone, checkpoints: Path) -> None:
    """What the server holds is in torch's cache afterwards, byte for byte, and nothing else."""
    with answering(named, whole()) as site:
        path = fetch(named, mirror=site.address)

    assert path.read_bytes() == CONTENT
    assert left_behind(checkpoints) == [file_name(named)]


def test_unannounced_length_is_fine(named: Backbone, checkpoints: Path) -> None:
    """A server need not state how much it sends; the hash shows whether all came."""
    with answering(named, Answer(body=CONTENT)) as site:
        fetch(named, mirror=site.address)

    assert left_behind(checkpoints) == [file_name(named)]


def test_address_of_the_catalogue_is_used_without_a_mirror(
    small: Backbone, checkpoints: Path
) -> None:
    """Without a mirror the request goes to the backbone's own address."""
    with serving({}, otherwise=whole()) as site:
        named = renamed_for(small, CONTENT, f"{site.address}/models")
        fetch(named)

    assert site.requests == [f"/models/{file_name(named)}"]
    assert left_behind(checkpoints) == [file_name(named)]


@pytest.mark.usefixtures("checkpoints")
def test_mirror_is_a_folder_of_the_same_names(named: Backbone) -> None:
    """A mirror's path is kept, with or without a slash at its end."""
    with answering(named, whole()) as site:
        path = fetch(named, mirror=f"{site.address}/deep/folder/")

    assert site.requests == [f"/deep/folder/{path.name}"]


@pytest.mark.usefixtures("checkpoints")
def test_progress_is_reported(named: Backbone) -> None:
    """The callback gets rising byte counts up to the whole, and the whole beside them."""
    heard = Heard()
    with answering(named, whole()) as site:
        fetch(named, mirror=site.address, heard=heard)

    assert len(heard.figures) > 1
    assert heard.figures == sorted(heard.figures)
    assert heard.figures[-1] == (len(CONTENT), len(CONTENT))
    assert heard.arrived == [named]


def test_two_at_once_fetch_once(named: Backbone, checkpoints: Path) -> None:
    """The second waits for the first and takes its file."""
    with answering(named, whole()) as site:
        threads = [
            threading.Thread(target=fetch, args=(named,), kwargs={"mirror": site.address})
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(site.requests) == 1
    assert (checkpoints / file_name(named)).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(body=CONTENT[:-1], announced=len(CONTENT)), "the connection ended after"),
        (Answer(announced=len(CONTENT)), "the connection ended after 0 of"),
        (Answer(body=b"x" + CONTENT[1:], announced=len(CONTENT)), "sha256 begins with"),
        (Answer(body=CONTENT[:-1]), "sha256 begins with"),
        (Answer(announced=0), "sha256 begins with"),
        (Answer(status=404, announced=0), "the server answered 404"),
        (Answer(status=503, announced=0), "the server answered 503"),
        (Answer(body=b"", announced=1 << 40), "far more than the checkpoint's size"),
        (Answer(status=302, location="http://weights.example/a.pth"), "not safe"),
        (Answer(status=302, location="ftp://127.0.0.1/a.pth"), "not safe"),
        (Answer(status=302, location="file:///etc/passwd"), "the server answered 302"),
        (Answer(status=302, location="https://[weights"), "Invalid IPv6 URL"),
    ],
)
def test_anything_but_the_checkpoint_is_refused(
    answer: Answer, reason: str, named: Backbone, checkpoints: Path
) -> None:
    """A bad answer ends in one line with file, host, reason and a way out; nothing is kept."""
    with answering(named, answer) as site, pytest.raises(InputError, match=reason) as raised:
        fetch(named, mirror=site.address)

    message = str(raised.value)

    assert site.address.removeprefix("http://") in message
    assert file_name(named) in message
    assert "--weights random" in message
    assert "\n" not in message
    assert left_behind(checkpoints) == []


def test_endless_body_is_cut_off(named: Backbone, checkpoints: Path) -> None:
    """A server that announces nothing cannot fill the disk."""
    far_more = b"\0" * int(2.5 * named.file_size * (1 << 20) + (1 << 20))
    with answering(named, Answer(body=far_more)) as site, pytest.raises(InputError, match="far"):
        fetch(named, mirror=site.address)

    assert left_behind(checkpoints) == []


@pytest.mark.usefixtures("checkpoints")
def test_silence_is_given_up(named: Backbone) -> None:
    """A connection that stays open and delivers nothing ends the transfer."""
    silent = Answer(body=CONTENT[:100], announced=len(CONTENT), stalls=True)
    with (
        answering(named, silent) as site,
        pytest.raises(InputError, match=r"nothing came for 0\.2 s"),
    ):
        fetch(named, mirror=site.address, stall_seconds=0.2)


def test_redirect_on_loopback_is_followed(named: Backbone, checkpoints: Path) -> None:
    """A redirect within this machine is as good as its start."""
    with serving({"moved.pth": whole()}) as there:
        moved = Answer(status=302, location=f"{there.address}/moved.pth")
        with answering(named, moved) as here:
            fetch(named, mirror=here.address)

    assert left_behind(checkpoints) == [file_name(named)]


@pytest.mark.usefixtures("checkpoints")
def test_an_unreachable_host_is_one_line(named: Backbone) -> None:
    """An unreachable host is named, with what else can be done."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(
        InputError, match=f"from 127.0.0.1:{port}: Connection refused; check the connection"
    ):
        fetch(named, mirror=f"http://127.0.0.1:{port}")


@pytest.mark.usefixtures("checkpoints")
@pytest.mark.parametrize(
    "mirror",
    [
        "http://weights.example/models",
        "http://127.0.0.1.weights.example",
        "ftp://127.0.0.1/models",
        "file:///models",
        "/models",
        "weights.example",
        "",
        "https://",
        "https://[weights",
        "https://weights.example:port",
        "https://name:secret@weights.example",
    ],
)
def test_unsafe_mirror_is_refused(mirror: str, named: Backbone) -> None:
    """Only https is used, or http on this machine; a password in the address is never shown."""
    with pytest.raises(InputError, match="correct SIMX_WEIGHTS_MIRROR") as raised:
        fetch(named, mirror=mirror)
    assert "secret" not in str(raised.value)


def test_unwritable_cache_is_the_systems_failure(named: Backbone, checkpoints: Path) -> None:
    """When the cache cannot be written the error names the file and TORCH_HOME."""
    checkpoints.parent.mkdir(parents=True)
    checkpoints.write_text("a file where the folder should be")

    with answering(named, whole()) as site, pytest.raises(SystemFailureError, match="TORCH_HOME"):
        fetch(named, mirror=site.address)

"""A download that fails is tried again or given up, and never kept in part."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import InputError, SystemFailureError
from simx.exporter.weights.cache import checkpoint_path, record_path, remember
from simx.exporter.weights.download import Downloads, UnreachableError, pieces
from simx.models.backbone import Backbone
from tests.exporter.weights.server import Answer, Site, serving
from tests.exporter.weights.support import BackboneOf, renamed_for

CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2

WHOLE = Answer(body=CONTENT, announced=len(CONTENT))
LOST = replace(WHOLE, body=CONTENT[:HALF])

UNREACHABLE = UnreachableError("Network is unreachable")


@pytest.fixture
def named(small: Backbone, checkpoints: Path) -> Backbone:
    """A backbone whose checkpoint is CONTENT, and an empty cache for it."""
    checkpoints.mkdir(parents=True)
    return renamed_for(small, CONTENT)


class Trial:
    """One run's downloads from a server that gives these answers, one after the other."""

    def __init__(self, *answers: Answer, retries: int = 2) -> None:
        self._answers = answers
        self._retries = retries
        self.notices: list[str] = []
        self.site = Site("")

    def fetch(self, backbone: Backbone) -> bytes:
        name = checkpoint_path(backbone).name
        with serving({name: self._answers}) as self.site:
            downloads = Downloads(
                mirror=self.site.address,
                notice=self.notices.append,
                stall_seconds=0.2,
                retry_seconds=(0.0,) * self._retries,
            )
            return downloads.fetch(backbone).read_bytes()


def partial_path(backbone: Backbone) -> Path:
    """Return where a checkpoint lies while it is downloaded."""
    target = checkpoint_path(backbone)
    return target.with_name(f".{target.name}.partial")


@pytest.mark.parametrize(
    "trouble",
    [
        LOST,
        replace(LOST, stalls=True),
        *(Answer(status=status, announced=0) for status in (500, 502, 503, 408, 429)),
    ],
    ids=["lost", "stalled", "500", "502", "503", "408", "429"],
)
def test_trouble_that_may_pass_is_tried_again(trouble: Answer, named: Backbone) -> None:
    """The whole is requested once more, and one line says why."""
    trial = Trial(trouble, WHOLE)

    assert trial.fetch(named) == CONTENT
    assert len(trial.site.requests) == 2
    [why] = trial.notices
    assert why.startswith(checkpoint_path(named).name)
    assert "trying again in 0 s" in why


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=404, announced=0),
        Answer(status=403, announced=0),
        replace(WHOLE, body=b"x" + CONTENT[1:]),
    ],
    ids=["404", "403", "wrong"],
)
def test_lasting_trouble_is_not_tried_again(answer: Answer, named: Backbone) -> None:
    """A file that is missing, forbidden or another one is requested once."""
    trial = Trial(answer, WHOLE)
    with pytest.raises(InputError):
        trial.fetch(named)

    assert len(trial.site.requests) == 1
    assert not partial_path(named).exists()


def test_nothing_is_kept_when_all_attempts_fail(named: Backbone) -> None:
    """One attempt and its retries, then the last reason; no file of any name is left."""
    trial = Trial(LOST)
    with pytest.raises(InputError, match=f"the connection ended after {HALF} of {len(CONTENT)}"):
        trial.fetch(named)

    assert len(trial.site.requests) == 3
    assert not checkpoint_path(named).exists()
    assert not partial_path(named).exists()


def test_what_a_killed_process_left_is_replaced(named: Backbone) -> None:
    """The beginning that it received is thrown away, and the whole is downloaded."""
    partial_path(named).write_bytes(b"x" * HALF)

    assert Trial(WHOLE).fetch(named) == CONTENT
    assert not partial_path(named).exists()


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_link_is_not_written_through(kind: str, named: Backbone, tmp_path: Path) -> None:
    """A link in the place of the unfinished file does not get another file overwritten."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    link = partial_path(named)
    link.symlink_to(precious) if kind == "symbolic" else link.hardlink_to(precious)

    assert Trial(WHOLE).fetch(named) == CONTENT
    assert precious.read_bytes() == b"precious"


def test_a_full_disk_keeps_nothing(named: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrived is removed, because it takes room where there is none."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SystemFailureError, match="No space left on device; make room"):
        Trial(WHOLE).fetch(named)

    assert not partial_path(named).exists()
    assert not checkpoint_path(named).exists()


def test_an_unreachable_host_is_asked_once(
    named: Backbone, backbone_of: BackboneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network eighty checkpoints take one attempt, and each has its line."""
    asked: list[str] = []

    def unreachable(address: str, _: float) -> Iterator[tuple[bytes, int | None]]:
        asked.append(address)
        yield from ()
        raise UNREACHABLE

    monkeypatch.setattr("simx.exporter.weights.download.pieces", unreachable)
    downloads = Downloads(retry_seconds=(0.0,))
    folder = named.url.rpartition("/")[0]
    with pytest.raises(InputError, match="Network is unreachable; check the connection"):
        downloads.fetch(named)
    with pytest.raises(InputError, match=r"alexnet.*not be reached before.*Network is unreachable"):
        downloads.fetch(
            msgspec.structs.replace(backbone_of("alexnet"), url=f"{folder}/alexnet-12345678.pth")
        )

    assert len(asked) == 1


def test_a_network_that_fails_for_a_moment_is_waited_for(
    named: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that has answered in this run is not given up when it cannot be reached."""
    trial = Trial(LOST, WHOLE)
    attempts: list[str] = []

    def sometimes(address: str, timeout: float) -> Iterator[tuple[bytes, int | None]]:
        attempts.append(address)
        if len(attempts) == 2:
            raise UNREACHABLE
        yield from pieces(address, timeout)

    monkeypatch.setattr("simx.exporter.weights.download.pieces", sometimes)

    assert trial.fetch(named) == CONTENT
    assert "Network is unreachable; trying again" in trial.notices[1]


def test_offline_nothing_is_requested(named: Backbone) -> None:
    """One line says that offline is why a file is missing, and names the ways out."""
    with serving({}) as site:
        downloads = Downloads(mirror=site.address, offline=True)
        with pytest.raises(InputError, match=r"offline nothing is downloaded; leave --offline"):
            downloads.fetch(named)

    assert site.requests == []


def test_the_whole_hash_is_remembered_on_arrival(named: Backbone) -> None:
    """In the form of sha256sum, under the checkpoint's name."""
    Trial(WHOLE).fetch(named)
    name = checkpoint_path(named).name

    assert record_path(name).read_text() == f"{hashlib.sha256(CONTENT).hexdigest()}  {name}\n"


def test_another_file_with_the_same_beginning_of_its_hash_is_refused(named: Backbone) -> None:
    """A mirror that has forged the eight digits of the name does not get its file loaded."""
    name = checkpoint_path(named).name
    known = hashlib.sha256(CONTENT).hexdigest()[:8] + "0" * 56
    remember(name, known)
    with pytest.raises(InputError, match=known):
        Trial(WHOLE).fetch(named)

    assert not checkpoint_path(named).exists()


@pytest.mark.parametrize("failure", ["offline", "404", "wrong", "forged"])
def test_reasons_hold_no_local_path(failure: str, named: Backbone, tmp_path: Path) -> None:
    """A reason goes into the report: it names the file and the host, and no folder."""
    name = checkpoint_path(named).name
    if failure == "forged":
        remember(name, hashlib.sha256(CONTENT).hexdigest()[:8] + "0" * 56)
    answers = {
        "404": Answer(status=404, announced=0),
        "wrong": replace(WHOLE, body=CONTENT[1:], announced=None),
    }
    with serving({name: answers.get(failure, WHOLE)}) as site, pytest.raises(InputError) as raised:
        Downloads(mirror=site.address, offline=failure == "offline").fetch(named)

    assert name in str(raised.value)
    assert str(tmp_path) not in str(raised.value)

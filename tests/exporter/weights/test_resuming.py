"""What becomes of a download that is interrupted."""

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path
from urllib.error import URLError

import msgspec
import pytest

from simx.common.errors import InputError, SystemFailureError
from simx.exporter.weights.address import open_address
from simx.exporter.weights.cache import checkpoint_path
from simx.exporter.weights.download import Downloads, Listener
from simx.exporter.weights.partial import STALE_SECONDS, partial_path
from simx.exporter.weights.remembered import record_path, remember
from simx.models.backbone import Backbone
from tests.exporter.weights.server import Answer, Site, serving
from tests.exporter.weights.support import BackboneOf, renamed_for

CONTENT = bytes(range(256)) * 4096
HALF = len(CONTENT) // 2

WHOLE = Answer(body=CONTENT, announced=len(CONTENT))
IN_PARTS = replace(WHOLE, parts=True, tag='"one"')
BREAKING = replace(IN_PARTS, breaks=HALF)


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
                listener=Listener(notice=self.notices.append),
                stall_seconds=0.2,
                retry_seconds=(0.0,) * self._retries,
            )
            return downloads.fetch(backbone).read_bytes()


def interrupt(backbone: Backbone, content: bytes = CONTENT[:HALF]) -> Path:
    """Leave behind what a process that was killed has received so far."""
    path = partial_path(checkpoint_path(backbone))
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "trouble",
    [
        BREAKING,
        replace(BREAKING, tag=None),
        replace(BREAKING, body=CONTENT[:HALF], breaks=None, stalls=True),
    ],
    ids=["lost", "lost, without a tag", "stalled"],
)
def test_a_lost_connection_is_taken_up_again(trouble: Answer, named: Backbone) -> None:
    """The next attempt asks for the rest alone, and says in one line why there is one."""
    trial = Trial(trouble, IN_PARTS)

    assert trial.fetch(named) == CONTENT
    assert trial.site.ranges == [None, f"bytes={HALF}-"]
    [why] = trial.notices
    assert "trying again in 0 s" in why


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_host_in_trouble_is_asked_again(status: int, named: Backbone) -> None:
    """What a server may get over is tried more than once."""
    trial = Trial(Answer(status=status, announced=0), WHOLE)

    assert trial.fetch(named) == CONTENT
    assert f"the server answered {status}" in trial.notices[0]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=404, announced=0),
        Answer(status=403, announced=0),
        replace(WHOLE, body=b"x" + CONTENT[1:]),
    ],
    ids=["404", "403", "wrong"],
)
def test_what_would_be_the_same_is_not_tried_again(answer: Answer, named: Backbone) -> None:
    """A file that is not there, not allowed, or another one is asked for once."""
    trial = Trial(answer, WHOLE)
    with pytest.raises(InputError):
        trial.fetch(named)

    assert len(trial.site.requests) == 1
    assert not partial_path(checkpoint_path(named)).exists()


def test_what_arrived_is_kept_when_all_attempts_fail(named: Backbone) -> None:
    """The message says so, nobody takes it for the checkpoint, and the next run goes on from it."""
    trial = Trial(BREAKING, replace(BREAKING, breaks=0))
    with pytest.raises(InputError, match=r"0\.5 MB are kept to go on from"):
        trial.fetch(named)

    assert len(trial.site.requests) == 3
    assert not checkpoint_path(named).exists()
    assert partial_path(checkpoint_path(named)).read_bytes() == CONTENT[:HALF]

    second = Trial(IN_PARTS)

    assert second.fetch(named) == CONTENT
    assert second.site.ranges == [f"bytes={HALF}-"]
    assert "going on after the 0.5 MB" in second.notices[0]
    assert not partial_path(checkpoint_path(named)).exists()


def test_attempts_are_counted_anew_where_one_got_on(small: Backbone, checkpoints: Path) -> None:
    """A long download over a bad line ends well as long as every connection brings something."""
    checkpoints.mkdir(parents=True)
    content = CONTENT * 5
    named = renamed_for(small, content)
    step = len(CONTENT)
    trial = Trial(Answer(body=content, announced=len(content), parts=True, breaks=step), retries=1)

    assert trial.fetch(named) == content
    assert len(trial.site.requests) == 5


def test_a_server_without_parts_sends_all_of_it_again(named: Backbone) -> None:
    """Where the rest cannot be had alone, the whole replaces what was there."""
    interrupt(named)
    trial = Trial(WHOLE)

    assert trial.fetch(named) == CONTENT
    assert len(trial.site.requests) == 1


def test_what_cannot_be_gone_on_from_is_not_kept(named: Backbone) -> None:
    """A server that never sends parts makes what arrived worthless."""
    with pytest.raises(InputError, match=r"bytes; check the connection"):
        Trial(replace(WHOLE, breaks=HALF)).fetch(named)

    assert not partial_path(checkpoint_path(named)).exists()


def test_a_file_that_changed_meanwhile_is_sent_whole(named: Backbone) -> None:
    """The second part of another file is not asked for: the tag is part of the request."""
    other = bytes(reversed(CONTENT))
    trial = Trial(replace(BREAKING, body=other, tag='"old"'), IN_PARTS)

    assert trial.fetch(named) == CONTENT
    assert len(trial.site.requests) == 2


@pytest.mark.parametrize(
    "left",
    [b"x" * HALF, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 1)],
    ids=["half", "whole", "longer"],
)
def test_a_wrong_beginning_costs_one_more_download(left: bytes, named: Backbone) -> None:
    """What was left behind and is not the checkpoint's beginning is thrown away, once."""
    interrupt(named, left)
    trial = Trial(IN_PARTS)

    assert trial.fetch(named) == CONTENT
    assert trial.site.ranges[-1] is None


def test_a_wrong_file_is_given_up_after_one_restart(named: Backbone) -> None:
    """A server whose file is wrong from its beginning is not asked for ever."""
    interrupt(named)
    trial = Trial(replace(IN_PARTS, body=bytes(reversed(CONTENT))))
    with pytest.raises(InputError, match="sha256 begins with"):
        trial.fetch(named)

    assert trial.site.ranges == [f"bytes={HALF}-", None]
    assert "do not belong together" in trial.notices[1]
    assert not partial_path(checkpoint_path(named)).exists()


def test_what_is_whole_already_is_not_asked_for(named: Backbone) -> None:
    """A process that was killed between the last byte and the last step has nothing to fetch."""
    interrupt(named, CONTENT)
    trial = Trial(WHOLE)

    assert trial.fetch(named) == CONTENT
    assert trial.site.requests == []


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_link_is_not_written_through(kind: str, named: Backbone, tmp_path: Path) -> None:
    """Whoever puts a link where the download goes does not get another file overwritten."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    link = partial_path(checkpoint_path(named))
    link.symlink_to(precious) if kind == "symbolic" else link.hardlink_to(precious)

    assert Trial(WHOLE).fetch(named) == CONTENT
    assert precious.read_bytes() == b"precious"


@pytest.mark.parametrize(("age", "stays"), [(STALE_SECONDS + 60, False), (60, True)])
def test_what_nobody_goes_on_with_is_removed(age: float, *, stays: bool, named: Backbone) -> None:
    """Of another checkpoint, too, and only after a week."""
    other = checkpoint_path(named).with_name("other-12345678.pth")
    left = partial_path(other)
    left.write_bytes(b"a beginning")
    os.utime(left, (time.time() - age,) * 2)
    Trial(WHOLE).fetch(named)

    assert left.exists() == stays


def test_a_full_disk_keeps_nothing(named: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrived makes room again where there is none."""
    path = interrupt(named)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SystemFailureError, match="No space left on device; make room"):
        Trial(IN_PARTS).fetch(named)

    assert not path.exists()
    assert not checkpoint_path(named).exists()


def test_an_unreachable_host_is_asked_once(
    named: Backbone, backbone_of: BackboneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network eighty checkpoints take one attempt, and each has its line."""
    asked: list[str] = []

    def unreachable(address: str, *_: object) -> None:
        asked.append(address)
        raise URLError(OSError(101, "Network is unreachable"))

    monkeypatch.setattr("simx.exporter.weights.transfer.open_address", unreachable)
    downloads = Downloads(retry_seconds=(0.0,))
    folder = named.url.rpartition("/")[0]
    with pytest.raises(InputError, match="Network is unreachable; check the connection"):
        downloads.fetch(named)
    with pytest.raises(InputError, match=r"alexnet.*not asked again.*Network is unreachable"):
        downloads.fetch(
            msgspec.structs.replace(backbone_of("alexnet"), url=f"{folder}/alexnet-12345678.pth")
        )

    assert len(asked) == 1


def test_a_network_that_fails_for_a_moment_is_waited_for(
    named: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that has answered in this run is not written off when it cannot be reached."""
    trial = Trial(BREAKING, IN_PARTS)
    attempts: list[str] = []

    def sometimes(address: str, timeout: float, headers: Mapping[str, str]) -> HTTPResponse:
        attempts.append(address)
        if len(attempts) == 2:
            raise URLError(OSError(101, "Network is unreachable"))
        return open_address(address, timeout, headers)

    monkeypatch.setattr("simx.exporter.weights.transfer.open_address", sometimes)

    assert trial.fetch(named) == CONTENT
    assert "Network is unreachable; trying again" in trial.notices[1]


def test_offline_nobody_is_asked(named: Backbone) -> None:
    """What is not here is told of in one line that says why, and names the ways out."""
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

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.exporter.weights.cache import (
    checkpoint_hash,
    checkpoint_path,
    checkpoints_folder,
    problem_of,
    record_path,
    remember,
    remembered_hash,
)
from simx.models.backbone import Backbone
from tests.exporter.weights.support import PutCheckpoint

SHA256 = hashlib.sha256(b"content").hexdigest()
NAME = "model-ed7002b4.pth"


def test_a_checkpoint_that_others_fetched_is_trusted_once(
    small: Backbone, put_checkpoint: PutCheckpoint
) -> None:
    """Seen for the first time it needs the hash in its name; from then on the whole one counts."""
    path = checkpoint_path(put_checkpoint(small, b"content"))

    assert checkpoint_hash(path) == SHA256
    assert remembered_hash(path.name) == SHA256


def test_what_is_not_what_its_name_says_is_never_remembered(
    small: Backbone, put_checkpoint: PutCheckpoint
) -> None:
    """A damaged checkpoint is refused, with what to do about it."""
    path = checkpoint_path(put_checkpoint(small, b"content"))
    path.write_bytes(b"kontent")

    with pytest.raises(InputError, match=r"delete it and run with --weights pretrained") as raised:
        checkpoint_hash(path)
    assert str(path) in str(raised.value)
    assert remembered_hash(path.name) is None


def test_a_remembered_hash_counts_in_every_cache(
    small: Backbone, put_checkpoint: PutCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It belongs to the name, not to the folder that the file happens to lie in."""
    named = put_checkpoint(small, b"content")
    checkpoint_hash(checkpoint_path(named))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "another"))

    assert checkpoint_hash(checkpoint_path(named)) == SHA256


@pytest.mark.usefixtures("checkpoints")
def test_eight_digits_are_not_enough_once_the_whole_hash_is_known() -> None:
    """What a forger can reach is noticed; both hashes are named, and the record."""
    name, forged = f"model-{SHA256[:8]}.pth", SHA256[:8] + "0" * 56

    assert problem_of(name, forged) is None

    remember(name, SHA256)
    problem = str(problem_of(name, forged))

    assert re.findall("[0-9a-f]{64}", problem) == [forged, SHA256]
    assert problem.endswith(f"as remembered in {name}.sha256")


def test_where_nothing_can_be_remembered_a_notice_says_it(
    small: Backbone, put_checkpoint: PutCheckpoint, tmp_path: Path
) -> None:
    """A home that cannot be written to stops no export; the notice is one line."""
    path = checkpoint_path(put_checkpoint(small, b"content"))
    (tmp_path / "data").write_bytes(b"a file where the folder should be")
    notices: list[str] = []

    assert checkpoint_hash(path, notices.append) == SHA256
    assert len(notices) == 1
    assert "cannot be remembered" in notices[0]


@pytest.mark.usefixtures("checkpoints")
def test_what_is_remembered_comes_back() -> None:
    """For this name and no other."""
    remember(NAME, "a" * 64)

    assert remembered_hash(NAME) == "a" * 64
    assert remembered_hash("model-00000000.pth") is None


def test_sha256sum_reads_the_records(small: Backbone, put_checkpoint: PutCheckpoint) -> None:
    """All checkpoints can be checked without simx."""
    name = checkpoint_path(put_checkpoint(small, b"content")).name
    checkpoint_hash(checkpoints_folder() / name)
    done = subprocess.run(
        ["sha256sum", "--check", str(record_path(name))],  # noqa: S607 - the system's
        cwd=checkpoints_folder(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{name}: OK\n"


@pytest.mark.usefixtures("checkpoints")
@pytest.mark.parametrize(
    "content",
    ["", "a" * 64, f"{'A' * 64}  {NAME}\n", f"{'a' * 64}  other.pth\n", f"{'a' * 63}  {NAME}\n"],
)
def test_a_damaged_record_is_refused(content: str) -> None:
    """It does not count as none: that would make trusting anew too easy."""
    path = record_path(NAME)
    path.parent.mkdir(parents=True)
    path.write_text(content)

    with pytest.raises(InputError, match=r"does not hold the sha256 of .*; delete it"):
        remembered_hash(NAME)

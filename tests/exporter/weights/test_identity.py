import hashlib
import re
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.exporter.weights.cache import checkpoint_path
from simx.exporter.weights.identity import checkpoint_hash, problem_of
from simx.exporter.weights.remembered import record_path, remember, remembered_hash
from simx.models.backbone import Backbone
from tests.exporter.weights.support import PutCheckpoint

SHA256 = hashlib.sha256(b"content").hexdigest()


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

    with pytest.raises(InputError, match=r"delete it and run with --weights pretrained") as told:
        checkpoint_hash(path)
    assert str(path) in str(told.value)
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
    """What a forger can reach is told apart, with both hashes and where the right one is."""
    name, forged = f"model-{SHA256[:8]}.pth", SHA256[:8] + "0" * 56

    assert problem_of(name, forged) is None

    remember(name, SHA256)
    problem = str(problem_of(name, forged))

    assert re.findall("[0-9a-f]{64}", problem) == [forged, SHA256]
    assert str(record_path(name)) in problem


def test_where_nothing_can_be_remembered_it_is_said(
    small: Backbone, put_checkpoint: PutCheckpoint, tmp_path: Path
) -> None:
    """A home that cannot be written to stops nobody, and is told of in one line."""
    path = checkpoint_path(put_checkpoint(small, b"content"))
    (tmp_path / "data").write_bytes(b"a file where the folder should be")
    told: list[str] = []

    assert checkpoint_hash(path, told.append) == SHA256
    assert len(told) == 1
    assert "cannot be remembered" in told[0]

import subprocess

import pytest

from simx.common.errors import InputError
from simx.exporter.weights.cache import checkpoint_path, checkpoints_folder
from simx.exporter.weights.identity import checkpoint_hash
from simx.exporter.weights.remembered import record_path, remember, remembered_hash
from simx.models.backbone import Backbone
from tests.exporter.weights.support import PutCheckpoint

NAME = "model-ed7002b4.pth"

pytestmark = pytest.mark.usefixtures("checkpoints")


def test_what_is_remembered_comes_back() -> None:
    """For this name and no other."""
    remember(NAME, "a" * 64)

    assert remembered_hash(NAME) == "a" * 64
    assert remembered_hash("model-00000000.pth") is None


def test_sha256sum_reads_it(small: Backbone, put_checkpoint: PutCheckpoint) -> None:
    """Whoever doubts simx can check all checkpoints without it."""
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


@pytest.mark.parametrize(
    "content",
    ["", "a" * 64, f"{'A' * 64}  {NAME}\n", f"{'a' * 64}  other.pth\n", f"{'a' * 63}  {NAME}\n"],
)
def test_anything_else_there_is_refused(content: str) -> None:
    """A damaged record does not count as none: that would make trusting anew too easy."""
    path = record_path(NAME)
    path.parent.mkdir(parents=True)
    path.write_text(content)

    with pytest.raises(InputError, match=r"does not hold the sha256 of .*; delete it"):
        remembered_hash(NAME)

"""Damaged pictures of every format are decoded or refused in one line; nothing else happens."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.images.decoding import FORMATS, decode
from tests.faults.pictures import samples

ROOT = Path(__file__).resolve().parents[2]
CORPUS = sorted((Path(__file__).parent / "corpus" / "pictures").iterdir())
CHILD = "tests.faults.picture_child"


def outcomes(first: int, beyond: int, folder: Path) -> list[tuple[int, str]]:
    """Return what came of the picture of each seed, in processes that may end at any of them."""
    found: list[tuple[int, str]] = []
    while first < beyond:
        done = subprocess.run(
            [sys.executable, "-m", CHILD, str(first), str(beyond), str(folder)],
            cwd=ROOT,
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found += [(line["seed"], line["outcome"]) for line in lines]
        first += len(lines)
        if done.stderr or done.returncode:
            found.append((first, f"ended with {done.returncode}: {done.stderr.strip()[-500:]}"))
            first += 1
    return found


def test_mutated_pictures_are_decoded_or_refused(
    tmp_path: Path, often: Callable[[int, int], int], counted: Callable[[str], None]
) -> None:
    """No crash, no other exception, no hang, no word of a library, and no memory beyond bounds."""
    count = often(200, 20_000 * len(FORMATS))
    found = outcomes(0, count, tmp_path)

    wrong = [(seed, outcome) for seed, outcome in found if outcome not in {"accepted", "refused"}]
    totals = Counter(outcome for _, outcome in found)
    counted(
        f"mutated pictures: {count:,} of {len(samples())} kinds in {len(FORMATS)} formats, "
        f"{totals['accepted']:,} decoded, {totals['refused']:,} refused, {len(wrong)} wrong"
    )
    assert wrong == []
    assert len(found) == count


def test_the_samples_themselves_are_decoded(tmp_path: Path) -> None:
    """What is mutated is sound."""
    for name, data in samples().items():
        path = tmp_path / "picture"
        path.write_bytes(data)

        assert decode(path).mode == "RGB", name


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_what_once_broke_is_refused_in_one_line(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Files that once took memory or time without end, or made a library talk, do so no more."""
    with pytest.raises(InputError) as refused:
        decode(path)

    assert str(refused.value).isprintable()
    assert capfd.readouterr() == ("", "")

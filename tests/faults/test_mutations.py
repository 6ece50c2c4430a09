"""Damaged reports, journals and manifests are accepted or refused in one line.

What was accepted can be rendered and compared in every form.
"""

import json
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from random import Random

import pytest

from simx.common.errors import InputError
from simx.results.schema.report import Report
from tests.faults.deadline import DeadlineError, deadline
from tests.faults.documents import Kind, kinds
from tests.faults.mutations import mutated_bytes, mutated_json
from tests.report.every import differences, renderings

CORPUS = Path(__file__).parent / "corpus"
KINDS = {kind.name: kind for kind in kinds()}
SHARES = {"report": 0.5, "journal": 0.3, "manifest": 0.2}
"""Of all mutations: how many each kind gets."""

SECONDS = 20.0
RENDERED_OF = 8
"""One of so many accepted reports is rendered; it takes a hundred times as long as reading."""


def mutated(kind: Kind, seed: int) -> bytes:
    """Return the file that a seed makes of one of a kind's samples."""
    random = Random(f"{kind.name} {seed}")
    data = random.choice(kind.samples)
    if not random.randrange(5):
        return mutated_bytes(data, random)
    if not kind.lines:
        return mutated_json(json.loads(data), random)
    lines = data.splitlines()
    for _ in range(random.choice((1, 1, 2))):
        place = random.randrange(len(lines))
        lines[place] = random.choice((_document, _document, _document, _another))(
            lines, place, random
        )
    return b"\n".join(lines) + (b"\n" if random.randrange(10) else b"")


def _document(lines: list[bytes], place: int, random: Random) -> bytes:
    try:
        return mutated_json(json.loads(lines[place]), random)
    except ValueError:  # it was damaged before
        return lines[place]


def _another(lines: list[bytes], _place: int, random: Random) -> bytes:
    return random.choice((*lines, b"", b"null", lines[0] + b"\n" + lines[0]))


def outcome(kind: Kind, path: Path, *, render: bool) -> str:
    """Return ``accepted``, ``refused``, or what should not have happened."""
    stage = "reading"
    try:
        with deadline(SECONDS):
            found = kind.read(path)
            if render and isinstance(found, Report):
                for form, text in chain(renderings(found), differences(found, found)):
                    stage = form
                    assert _is_printable(text)
    except InputError as error:
        message = str(error)
        is_one_line = message.isprintable() and str(path) in message and "; " in message
        return "refused" if is_one_line and stage == "reading" else f"{stage}: {message}"
    except (Exception, DeadlineError) as error:  # noqa: BLE001 - any other error is a finding
        return f"{stage}: {type(error).__name__}: {error}"
    return "accepted"


def _is_printable(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_mutated_documents_are_accepted_or_refused(
    kind: Kind,
    tmp_path: Path,
    often: Callable[[int, int], int],
    counted: Callable[[str], None],
) -> None:
    """No other exception, no hang, no second line; and nothing accepted that breaks a rendering."""
    count = round(often(600, 100_000) * SHARES[kind.name])
    path = tmp_path / "file"
    totals: Counter[str] = Counter()
    wrong: list[tuple[int, str]] = []
    for seed in range(count):
        path.write_bytes(mutated(kind, seed))
        came = outcome(kind, path, render=not seed % RENDERED_OF)
        totals[came] += 1
        if came not in {"accepted", "refused"}:
            wrong.append((seed, came))
    counted(
        f"mutated {kind.name}s: {count:,}, {totals['accepted']:,} accepted, "
        f"{totals['refused']:,} refused, {len(wrong)} wrong"
    )
    assert wrong == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_samples_themselves_are_accepted(kind: Kind, tmp_path: Path) -> None:
    """What is mutated is sound."""
    path = tmp_path / "file"
    for data in kind.samples:
        path.write_bytes(data)

        assert outcome(kind, path, render=True) == "accepted"


@pytest.mark.parametrize(
    "path",
    [path for name in KINDS for path in sorted((CORPUS / f"{name}s").iterdir())],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_what_once_broke_does_so_no_more(path: Path) -> None:
    """Files that once ended in a traceback are refused in one line, or accepted and rendered."""
    kind = KINDS[path.parent.name.removesuffix("s")]

    assert outcome(kind, path, render=True) in {"accepted", "refused"}

"""Signs have spellings in ASCII, and a stream that cannot encode them writes these."""

import io
import json
import re
from pathlib import Path

import pytest

import simx
from simx.common.spelling import IN_ASCII, can_show, register, spelt

_SIGN = re.compile(r"[^\x00-\x7f]|\\N\{([A-Z -]+)\}")


def _signs() -> set[str]:
    """Return every sign in the code outside of page templates."""
    files = Path(simx.__file__).parent.rglob("*.py")
    found = (match for path in files for match in _SIGN.finditer(path.read_text(encoding="utf-8")))
    return {match[0].encode().decode("unicode_escape") if match[1] else match[0] for match in found}


def test_every_sign_of_the_code_has_a_spelling() -> None:
    """A new sign needs one, or a terminal of another locale shows its number."""
    assert {sign for sign in _signs() if not spelt(sign).isascii()} == set()
    assert {"±", "◂", "≈"} <= _signs()


def test_marks_of_figures_stay_different() -> None:
    """A reader can still tell the fastest from the tied and the noisy."""
    marks = "◂°†‡≈✗"

    assert len({spelt(mark) for mark in marks}) == len(marks)


def test_spelling_keeps_json() -> None:
    """No spelling ends a string of JSON or begins an escape."""
    signs = "".join(sorted(_signs()))

    assert json.loads(spelt(json.dumps(signs, ensure_ascii=False))) == spelt(signs)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("utf-8", "1.5 ±2% ◂ é"),
        ("cp1252", "1.5 ±2% < é"),
        ("ascii", r"1.5 +-2% < \xe9"),
        ("shift_jis", r"1.5 ±2% < \xe9"),
    ],
)
def test_a_stream_writes_what_it_can(encoding: str, written: str) -> None:
    """Only what its encoding lacks is spelt in ASCII; letters become escapes, never ``?``."""
    register()
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=IN_ASCII)
    stream.write("1.5 ±2% ◂ é")
    stream.flush()

    assert raw.getvalue().decode(encoding) == written
    assert can_show(encoding) == (encoding == "utf-8")


def test_only_writing_is_handled() -> None:
    """Bytes that are no text of an encoding stay an error."""
    register()
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", IN_ASCII)


def test_an_unknown_encoding_shows_nothing() -> None:
    """It is treated as one without any sign."""
    assert not can_show("no-such-encoding")

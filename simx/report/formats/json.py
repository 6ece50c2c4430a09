"""Records -> JSON that a terminal shows as it is, whatever is in it."""

import re
from collections.abc import Sequence

import msgspec

from simx.results.schema.report import Report

_UNUSUAL = re.compile(r"[^\n -~]")


def report_json(reports: Sequence[Report]) -> str:
    """Return the report as its file holds it; several of them as a list.

    Only what is invisible is written another way, which reads as the same.
    """
    from simx.results.files.report import encode  # noqa: PLC0415 - numpy, which lists do not need

    documents = [escaped(encode(report).decode()) for report in reports]
    if len(documents) == 1:
        return documents[0]
    joined = ",\n".join(document.rstrip("\n") for document in documents)
    return f"[\n{joined}\n]\n"


def json_document(records: object) -> str:
    """Return records as indented JSON that ends with a line feed.

    Characters that UTF-8 cannot hold (from file names that are no text) become question marks.
    """
    try:
        data = msgspec.json.encode(records)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_with_text_alone(msgspec.to_builtins(records)))
    return escaped(msgspec.json.format(data, indent=2).decode()) + "\n"


def escaped(text: str) -> str:
    r"""Return JSON that means the same, with ``\u`` in the place of what is invisible.

    JSON itself wants that for the first 32 control characters only; terminals obey others, too,
    and some characters reverse the reading direction.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNUSUAL.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _with_text_alone(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_with_text_alone(key): _with_text_alone(each) for key, each in value.items()}
    return [_with_text_alone(each) for each in value] if isinstance(value, list | tuple) else value

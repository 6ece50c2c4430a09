"""Records -> JSON without characters that a terminal obeys."""

import json
import re
from collections.abc import Sequence

import msgspec

from simx.results.schema.report import Report

_UNUSUAL = re.compile(r"[^\n -~]")


def report_json(reports: Sequence[Report]) -> str:
    """Return the report as its file has it, invisible characters escaped; several as a list."""
    from simx.results.files.report import encode  # noqa: PLC0415 - numpy, which lists do not need

    documents = [escaped(encode(report).decode()) for report in reports]
    if len(documents) == 1:
        return documents[0]
    joined = ",\n".join(document.rstrip("\n") for document in documents)
    return f"[\n{joined}\n]\n"


def json_document(records: object) -> str:
    """Return records as indented JSON that ends with a line feed.

    Characters outside UTF-8 (from file names that are no text) become question marks.
    """
    try:
        data = msgspec.json.encode(records)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(records), ensure_ascii=False)
        # Python writes NaN and Infinity, which are no JSON: they become null, as above.
        builtins = json.loads(text.encode("utf-8", "replace"), parse_constant=lambda _: None)
        data = msgspec.json.encode(builtins)
    return escaped(msgspec.json.format(data, indent=2).decode()) + "\n"


def escaped(text: str) -> str:
    r"""Return the same JSON with ``\u`` escapes for invisible characters.

    JSON demands them for the first 32 control characters only. Terminals obey others, too, and some
    characters reverse the reading direction.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNUSUAL.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))

"""Records -> JSON that is safe inside a ``<script>`` element, whatever is in it."""

import msgspec
from markupsafe import Markup

_ESCAPES = {
    ord("<"): "\\u003c",  # ends no element and begins no comment
    ord(">"): "\\u003e",
    ord("&"): "\\u0026",
    0x2028: "\\u2028",  # line ends to JavaScript, though not to JSON
    0x2029: "\\u2029",
}


def script_json(data: object) -> Markup:
    """Return JSON without a character that HTML or JavaScript would take for more than text.

    All of them can only stand in JSON's strings, where an escape means the same.
    """
    # S704: nothing that markup is made of is left.
    return Markup(msgspec.json.encode(data).decode().translate(_ESCAPES))  # noqa: S704

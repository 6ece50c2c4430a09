"""What damages a file: a few random changes to its bytes, or to the tree of a JSON document.

Everything is drawn from the generator that is handed in, so that a seed names a mutation.
"""

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

Tree = Any

NUMBERS: tuple[int | float, ...] = (
    0,
    -1,
    1,
    2,
    0.5,
    -0.0,
    1e-320,
    1e-9,
    100.0,
    1e15,
    1e18,
    1e154,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
    2**31,
    2**53 + 1,
    2**62,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    10**30,
    10**400,
)

STRINGS = (
    "",
    " ",
    "\0",
    "\n\r\t",
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b2J\x85",
    "\u202egnp\u2066\u200b\ufeff",
    "\ud800",
    "=cmd|'/c calc'!A1",
    "<script>alert(1)</script>&amp;",
    "[red]x[/red] `|` **b** ![x](http://x) <!--",
    "e\u0301" * 50,
    "猫" * 80,
    "x" * 5000,
    "a b " * 2000,
    "x" * 70_000,
    "%s{0}{x!r}$(id)",
    "../../etc/passwd",
    "ok",
    "failed",
    "forward",
    "anchor",
)

TOKENS = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"null",
    b"[" * 2000,
    b'{"a":' * 2000,
    b"9" * 5000,
    b'"\\ud800"',
    b",",
    b"}",
    b"\n",
)

_HEADER_BYTES = 128

OTHERS: tuple[Tree, ...] = (None, True, False, [], {}, "text", 7, 0.5, [[]], {"a": 1})


def mutated_bytes(data: bytes, random: Random) -> bytes:
    """Return data after one to three changes of its bytes."""
    for _ in range(random.randint(1, 3)):
        data = random.choice(_ON_BYTES)(data, random)
    return data


def mutated_json(document: Tree, random: Random) -> bytes:
    """Return a JSON document, as text, after one to three changes of its tree.

    The document is used up. Half of all changes keep a value's type, which gets them further.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if places := _places(document, random):
            parent, key = places
            random.choice(_ON_TREES)(parent, key, random)
    text = json.dumps(document, separators=random.choice(((",", ":"), (", ", ": "))))
    if not random.randrange(12):
        text = _with_a_key_twice(text, random)
    data = text.encode("utf-8", "surrogatepass")
    return data if random.randrange(20) else mutated_bytes(data, random)


def _flip(data: bytes, random: Random) -> bytes:
    if not data:
        return data
    place = _place(data[1:], random)
    return _spliced(data, place, place + 1, bytes([data[place] ^ 1 << random.randrange(8)]))


def _set(data: bytes, random: Random) -> bytes:
    place = _place(data, random)
    return _spliced(data, place, place + 1, bytes([random.choice((0, 1, 0x7F, 0x80, 0xFF, 34))]))


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _remove(data: bytes, random: Random) -> bytes:
    begin, end = _span(data, random)
    return data[:begin] + data[end:]


def _repeat(data: bytes, random: Random) -> bytes:
    begin, end = _span(data, random)
    return _spliced(data, end, end, data[begin:end] * random.choice((1, 1, 1, 50)))


def _move(data: bytes, random: Random) -> bytes:
    begin, end = _span(data, random)
    rest = data[:begin] + data[end:]
    place = random.randrange(len(rest) + 1)
    return _spliced(rest, place, place, data[begin:end])


def _insert(data: bytes, random: Random) -> bytes:
    place = _place(data, random)
    return _spliced(data, place, place, random.choice(TOKENS))


def _noise(data: bytes, random: Random) -> bytes:
    begin, end = _span(data, random)
    return _spliced(data, begin, end, random.randbytes(end - begin))


def _place(data: bytes, random: Random) -> int:
    """Return a place between the beginning and the end; half of all are where headers are."""
    return random.randrange(min(len(data), random.choice((_HEADER_BYTES, len(data)))) + 1)


def _span(data: bytes, random: Random) -> tuple[int, int]:
    begin = _place(data, random)
    return begin, min(len(data), begin + random.choice((1, 2, 4, 16, 200)))


def _spliced(data: bytes, begin: int, end: int, part: bytes) -> bytes:
    return data[:begin] + part + data[end:]


_ON_BYTES = (_flip, _flip, _set, _cut, _remove, _repeat, _move, _insert, _noise)

Parent = Any  # a dictionary or a list, and a key or a place in it


def _places(document: Tree, random: Random) -> tuple[Parent, Any] | None:
    """Walk down from the root by chance, and return where to change something."""
    parent: Tree = document
    place: tuple[Parent, Any] | None = None
    while isinstance(parent, dict | list) and parent:
        key: Any = (
            random.choice(list(parent))
            if isinstance(parent, dict)
            else random.randrange(len(parent))
        )
        place = (parent, key)
        parent = parent[key]
        if not random.randrange(8):
            break
    return place


def _another(parent: Parent, key: Any, random: Random) -> None:
    """Put another value of the same type there."""
    value = _get(parent, key)
    if isinstance(value, bool) or value is None:
        new: Tree = random.choice((True, False, None))
    elif isinstance(value, int):
        new = random.choice((value + 1, -value, value * 10, *filter(_is_whole, NUMBERS)))
    elif isinstance(value, float):
        new = random.choice((value * 1e3, -value, *NUMBERS))
    elif isinstance(value, str):
        new = random.choice((value + "x", value[1:], value.upper(), *STRINGS))
    elif isinstance(value, list):
        new = random.choice((value[:-1], value[::-1], value + value[:1], value * 20, []))
    else:
        new = value
    _put(parent, key, new)


def _other_type(parent: Parent, key: Any, random: Random) -> None:
    _put(parent, key, random.choice(OTHERS))


def _extreme(parent: Parent, key: Any, random: Random) -> None:
    _put(parent, key, random.choice((*NUMBERS, *STRINGS)))


def _nested(parent: Parent, key: Any, random: Random) -> None:
    value = _get(parent, key)
    for _ in range(random.choice((1, 2, 50, 300))):
        value = [value] if random.randrange(2) else {"a": value}
    _put(parent, key, value)


def _gone(parent: Parent, key: Any, _random: Random) -> None:
    del parent[key]


def _renamed(parent: Parent, key: Any, random: Random) -> None:
    if isinstance(parent, dict):
        parent[random.choice(STRINGS)] = parent.pop(str(key))
    else:
        random.shuffle(parent)


def _exchanged(parent: Parent, key: Any, random: Random) -> None:
    """Put a neighbour's value there too."""
    keys = list(parent) if isinstance(parent, dict) else range(len(parent))
    _put(parent, key, _get(parent, random.choice(keys)))


_ON_TREES: tuple[Callable[[Parent, Any, Random], None], ...] = (
    _another,
    _another,
    _another,
    _another,
    _another,
    _another,
    _other_type,
    _extreme,
    _nested,
    _gone,
    _renamed,
    _exchanged,
)


def _get(parent: Parent, key: Any) -> Tree:
    return parent[key]


def _put(parent: Parent, key: Any, value: Tree) -> None:
    parent[key] = value


def _is_whole(number: float) -> bool:
    return isinstance(number, int)


def _with_a_key_twice(text: str, random: Random) -> str:
    members = list(re.finditer(r'"[a-z_0-9]+": ?(?:[-\d.e]+|null|true|"[^"]*"),', text))
    if not members:
        return text
    member = random.choice(members)
    return text[: member.start()] + member[0] + text[member.start() :]

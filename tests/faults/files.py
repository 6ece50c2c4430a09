"""Named faults that any file can have, and those of each kind of file: how to make one."""

import gzip
import io
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from PIL import Image

from simx.results.files import report
from tests.faults.documents import full_report

_CORPUS = Path(__file__).parent / "corpus" / "pictures"

Make = Callable[[Path], None]
Faults = Mapping[str, Make]


def _content(data: bytes) -> Make:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def _sparse(path: Path) -> None:
    with path.open("wb") as opened:
        opened.truncate(2**40)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)  # of the current folder: a socket's path has to be short


NO_FILES: Faults = {
    "absent": lambda _: None,
    "a folder": lambda path: path.mkdir(),
    "a pipe without a writer": os.mkfifo,
    "a device without an end": lambda path: path.symlink_to("/dev/zero"),
    "a socket": _socket,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a terabyte of nothing": _sparse,
}
"""What is no file, or none that could be read to its end."""

NO_TEXT: Faults = {
    "empty": _content(b""),
    "zeros": _content(bytes(4096)),
    "not UTF-8": _content(b'{"schema": "\xff\xfe"}'),
    "UTF-16": _content('{"a": 1}'.encode("utf-16")),
    "nested without end": _content(b"[" * 200_000),
    "a number of thousands of digits": _content(b'{"a": ' + b"9" * 5000 + b"}"),
}


def _report(change: Callable[[dict[str, object]], object]) -> Make:
    document = json.loads(report.encode(full_report()))
    change(document)
    return _content(json.dumps(document).encode())


_SOUND = report.encode(full_report())

REPORTS: Faults = {
    **NO_FILES,
    **NO_TEXT,
    "cut short": _content(_SOUND[:-100]),
    "twice in one file": _content(_SOUND * 2),
    "packed and cut short": _content(gzip.compress(_SOUND)[:-100]),
    "packed and damaged": _content(gzip.compress(_SOUND)[:100] + bytes(100)),
    "with a key twice": _content(_SOUND.replace(b'"simx":', b'"simx": "0", "simx":', 1)),
    "with NaN": _content(_SOUND.replace(b"69.758", b"NaN", 1)),
    "with infinity": _content(_SOUND.replace(b"69.758", b"1e999", 1)),
    "with an integer beyond 64 bits": _content(_SOUND.replace(b"11689512", b"9" * 30, 1)),
    "with bytes that are no text": _content(_SOUND.replace(b"Example CPU", b"\xff CPU", 1)),
    "with half a character": _content(_SOUND.replace(b"Example CPU", b"\\ud800", 1)),
    "of a version to come": _content(b'{"schema": {"name": "simx-report", "version": 99}}'),
    "of another program": _content(b'{"schema": {"name": "trivy", "version": 1}}'),
    "with an unknown field": _report(lambda document: document.update(extra=1)),
    "without cells": _report(lambda document: document.pop("cells")),
    "with a cell twice": _report(
        lambda document: document.update(cells=[document["cells"][0]] * 2)  # type: ignore[index]
    ),
    "with a text of a million characters": _report(
        lambda document: document.update(notes=["x" * 2**20])
    ),
    "with a figure beyond measure": _content(_SOUND.replace(b"69.758", b"1e300", 1)),
}


def _picture(form: str, size: tuple[int, int] = (16, 16)) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, form)
    return buffer.getvalue()


PICTURES: Faults = {
    **NO_FILES,
    "empty": _content(b""),
    "text": _content(b"no picture\n"),
    "a drawing": _content(b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>'),
    "of a format that is not read": _content(_picture("ICO")),
    "cut short": _content(_picture("PNG")[:-30]),
    "with too many pixels": _content(_picture("PNG", (8200, 8200))),
    "far too long": _content(_picture("PNG", (600, 2))),
    "with a damaged header": _content(_picture("JPEG")[:20] + bytes(50)),
    "with a scan over and over": _content(
        (Path(__file__).parent / "corpus/pictures/scans.jpg").read_bytes()
    ),
    "with a tile of gigabytes": _content(
        (Path(__file__).parent / "corpus/pictures/huge-tile.tif").read_bytes()
    ),
}

SETTINGS: Faults = {
    **{name: make for name, make in NO_FILES.items() if name != "absent"},
    "no TOML": _content(b"store: x\n"),
    "not UTF-8": _content(b'store = "\xff"\n'),
    "nested without end": _content(b"a = " + b"[" * 50_000),
    "a number of thousands of digits": _content(b"threads = " + b"9" * 5000),
    "a number beyond 64 bits": _content(b"output = 0x" + b"f" * 4000),
    "text that cannot be typed": _content(b'output = "a\\u0000b"\n'),
    "a command that there is not": _content(b"[mesure]\nstore = 'x'\n"),
    "an option that there is not": _content(b"stroe = 'x'\n"),
    "a key twice": _content(b"store = 'x'\nstore = 'y'\n"),
    "a date": _content(b"output = 2026-01-01\n"),
}

MANIFESTS: Faults = {
    **{name: make for name, make in NO_FILES.items() if name != "absent"},
    **NO_TEXT,
    "of another program": _content(b"{}"),
    "a list": _content(msgspec.json.encode([1, 2])),
}

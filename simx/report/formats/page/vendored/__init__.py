"""The charting library that a page contains: third-party files as published.

``manifest.json`` records versions, licences and hashes; ``scripts/vendor_charts.py`` fetches the
files again.
"""

import re
from functools import cache
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent

_SOURCE_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
"""The name of a missing file, which a browser's developer tools would request."""


class VendoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file: its name here, its path in the package, and its hash."""

    name: str
    member: str
    sha256: str


class Package(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package of the npm registry; the first of its files is the script."""

    name: str
    version: str
    licence: str
    files: tuple[VendoredFile, VendoredFile]


@cache
def manifest() -> tuple[Package, ...]:
    """Return the packages, in the order in which a page has to load them."""
    return msgspec.json.decode((FOLDER / "manifest.json").read_bytes(), type=tuple[Package, ...])


def scripts() -> str:
    """Return all of the library as one script, each part below its licence."""
    parts = []
    for package in manifest():
        script, licence = (
            (FOLDER / file.name).read_text(encoding="utf-8") for file in package.files
        )
        parts.append(f"/*!\n{package.name} {package.version}\n\n{licence.strip()}\n*/")
        parts.append(_SOURCE_MAP.sub("", script).strip())
    return "\n".join(parts)

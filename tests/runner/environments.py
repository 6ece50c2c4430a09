"""Virtual environments with nothing but some distributions of this one, and what those need."""

import re
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path


def environment_with(folder: Path, *names: str) -> Path:
    """Make a virtual environment that has what pip would install there for these names."""
    venv.create(folder, symlinks=True)
    for each in _with_needs(*names):
        for name in {file.parts[0] for file in each.files or ()} - {"..", "__pycache__"}:
            link = packages_of(folder) / name
            if not link.exists():
                link.symlink_to(Path(str(each.locate_file(name))))
    return folder


def packages_of(folder: Path) -> Path:
    """Return where the packages of a virtual environment are."""
    return folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


def install(folder: Path, name: str, version: str) -> None:
    """Write what a package of this version leaves behind, without the package."""
    written = packages_of(folder) / f"{name.replace('-', '_')}-{version}.dist-info"
    written.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (written / "METADATA").write_text(text, encoding="utf-8")
    package = name.partition("-")[0]
    (written / "RECORD").write_text(f"{package}/__init__.py,,\n", encoding="utf-8")


def _with_needs(*names: str) -> Iterator[Distribution]:
    """Yield the distributions of these names, and all that they require, once each."""
    left, seen = list(names), set[str]()
    while left:
        name = re.split(r"[^\w.-]", left.pop())[0].lower().replace("_", "-")
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for another system, or another Python
            continue
        if name not in seen:
            seen.add(name)
            yield found
            left += [each for each in found.requires or () if "extra ==" not in each]

"""Fetches the charting library again that ``simx report --format html`` puts into its pages.

    python scripts/vendor_charts.py           # fetch, compare the hashes, write
    python scripts/vendor_charts.py --check   # compare what is here with its hashes

``simx/report/formats/page/vendored/manifest.json`` says which packages, in which versions, which of
their files, and what each file's SHA-256 has to be. A package comes through ``npm pack``, from
whatever registry npm is set up for; a file whose hash differs is refused. To take another version,
change it in the manifest, look at what it brings, and write down its hashes.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from simx.report.formats.page.vendored import FOLDER, Package, VendoredFile, manifest


def main() -> int:
    """Fetch or compare, and return the process's exit status."""
    parser = argparse.ArgumentParser(description="Fetch the pages' charting library again.")
    parser.add_argument("--check", action="store_true", help="compare what is here instead")
    options = parser.parse_args()
    try:
        for package in manifest():
            contents = _here(package) if options.check else _fetched(package)
            for file, content in contents:
                _require_hash(file, content)
                (FOLDER / file.name).write_bytes(content)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"vendor_charts: {error}", file=sys.stderr)
        return 1
    return 0


def _here(package: Package) -> Iterator[tuple[VendoredFile, bytes]]:
    for file in package.files:
        yield file, (FOLDER / file.name).read_bytes()


def _fetched(package: Package) -> Iterator[tuple[VendoredFile, bytes]]:
    """Yield the files of a package, out of the archive that npm downloads."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{package.name}@{package.version}"],  # noqa: S607 - npm is wherever the user has it
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        [archive] = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as opened:
            for file in package.files:
                member = opened.extractfile(file.member)
                if member is None:
                    raise ValueError(f"{package.name}: {file.member} is no file in it")
                yield file, member.read()


def _require_hash(file: VendoredFile, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise ValueError(f"{file.name}: has the SHA-256 {found} instead of {file.sha256}")


if __name__ == "__main__":
    sys.exit(main())

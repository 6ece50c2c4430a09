"""The pictures of one evaluation by their content, and those that cannot be read."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from simx.common.anonymous import anonymous
from simx.common.errors import InputError
from simx.common.input_files import shown
from simx.evaluation.figures import Truth
from simx.evaluation.truth import Pictures
from simx.images.pictures import fingerprint
from simx.results.schema.evaluation import PicturesFacts, Unreadable
from simx.runner.measure.messages import Item

Reasons = dict[str, str]
"""Why files cannot be read, by their paths."""


def collected(pictures: Pictures, seed: int, threads: int) -> tuple[tuple[Item, ...], Reasons]:
    """Read and hash all files; ``seed`` decides the changes of pictures.

    Returns:
        What is to be embedded: each file that was hashed, as it is and changed; and why others
        cannot be read.
    """
    unreadable: Reasons = {}

    def hashed(path: Path) -> str | None:
        try:
            return fingerprint(path)[0]
        except InputError as error:
            unreadable[str(path)] = str(error)
            return None

    with ThreadPoolExecutor(threads) as pool:
        hashes = list(pool.map(hashed, pictures.files))
    items = tuple(
        Item(str(path), sha256, change, seed)
        for path, sha256 in zip(pictures.files, hashes, strict=True)
        if sha256 is not None
        for change in pictures.changes
    )
    return items, unreadable


def facts_of(
    pictures: Pictures, items: Sequence[Item], unreadable: Mapping[str, str], truth: Truth
) -> PicturesFacts:
    """Return what a report has of the readable pictures, and of the others."""
    by_path = {item.path: item.sha256 for item in items}
    hashes = [by_path[str(path)] for path in pictures.files]
    return PicturesFacts(
        truth=truth.kind,
        pictures=len(hashes),
        embedded=len(hashes) * len(pictures.changes),
        classes=0 if truth.labels is None else len(set(truth.labels.tolist())),
        duplicates=len(hashes) - len(set(hashes)),
        sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
        pairs=len(truth.pairs.left),
        all_pairs=truth.pairs.population,
        unreadable=tuple(
            # Without its name.
            Unreadable(
                sha256=by_path.get(path),
                reason=anonymous(reason.replace(f"picture {shown(Path(path))}", "picture")),
            )
            for path, reason in unreadable.items()
        ),
    )

"""What belongs together: read from a folder of classes, a list of pairs or triplets, or made."""

import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simx.common.errors import InputError
from simx.common.input_files import InputKind, read_whole, shown
from simx.evaluation.vectors import Places
from simx.images.changes import CHANGES
from simx.images.decoding import FORMATS
from simx.images.pictures import fingerprint, pictures_in
from simx.models.pictures import Change
from simx.results.schema.evaluation import TruthKind
from simx.runner.measure.picture_messages import Item

_LIST = InputKind(
    label="pictures ",
    mend="name a folder of pictures, or a CSV file that lists some",
    most_bytes=256 * 2**20,
)

_COLUMNS: dict[TruthKind, tuple[str, ...]] = {
    "triplets": ("anchor", "positive", "negative"),
    "pairs": ("first", "second", "same"),
}

_SAME = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Pictures:
    """The files to embed, each as it is and with some changes, and how they are related.

    ``labels`` [N] are the classes of the files. ``rows`` [R, 2 or 3] are the places of each pair's
    or triplet's pictures, ``same`` [R] whether a pair belongs together. One of ``labels`` and
    ``rows`` is empty. ``skipped`` files of a folder are no pictures by their names.
    """

    kind: TruthKind
    files: tuple[Path, ...]
    labels: Places = field(default_factory=lambda: np.empty(0, np.int64))
    rows: Places = field(default_factory=lambda: np.empty((0, 3), np.int64))
    same: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    skipped: int = 0

    @property
    def changes(self) -> tuple[Change | None, ...]:
        """In which forms each file is embedded; None is the file as it is."""
        return (None, *CHANGES) if self.kind == "changes" else (None,)


def read_pictures(path: Path) -> Pictures:
    """Find the pictures of a folder, or of a CSV file, and how they are related.

    A folder's sub-folders are classes, with all pictures below them. Without sub-folders each
    picture is compared with changed copies of itself. The first line of a CSV file names its
    columns: ``anchor,positive,negative``, or ``first,second,same`` with 1 or 0 in the last. Its
    paths are relative to its folder.

    Raises:
        InputError: There are no pictures, too few classes, or a line cannot be understood.
    """
    pictures = _found(path) if path.is_dir() else _listed(path)
    if lack := _lack(pictures):
        raise InputError(f"pictures {shown(path)}: {lack}")
    return pictures


def _found(path: Path) -> Pictures:
    folders = sorted(
        each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")
    )
    found = [pictures_in(folder.rglob("*")) for folder in folders]
    own, skipped = pictures_in(path.iterdir())
    classes = [files for files, _ in found if files]
    skipped += sum(count for _, count in found)
    if classes and own:
        raise InputError(
            f"pictures {shown(path)}: has pictures beside its sub-folders, and each sub-folder is "
            f"a class; move {shown(own[0].name)} and the others into one"
        )
    if not classes and not own:
        raise InputError(
            f"pictures {shown(path)}: has no pictures; simx reads {', '.join(FORMATS)}"
        )
    files = tuple(file for each in classes for file in each) or own
    sizes = [len(each) for each in classes] or [1] * len(own)
    return Pictures(
        kind="classes" if classes else "changes",
        files=files,
        labels=np.repeat(np.arange(len(sizes)), sizes),
        skipped=skipped,
    )


def collected(
    pictures: Pictures, seed: int, threads: int
) -> tuple[tuple[Item, ...], dict[str, str]]:
    """Read and hash all files; ``seed`` decides the changes of pictures.

    Returns:
        What is to be embedded: each file that was hashed, as it is and changed; and why others
        cannot be read, by their paths.
    """
    unreadable: dict[str, str] = {}

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


def readable(pictures: Pictures, counts: Sequence[bool]) -> Pictures:
    """Return the pictures of the files that count, and the rows that have only such.

    Raises:
        InputError: They are too few to compare any.
    """
    kept = np.array(counts, np.bool_)
    new_places = np.cumsum(kept) - 1
    whole = kept[pictures.rows].all(axis=1)
    left = replace(
        pictures,
        files=tuple(compress(pictures.files, counts)),
        labels=pictures.labels[kept] if len(pictures.labels) else pictures.labels,
        rows=new_places[pictures.rows[whole]],
        same=pictures.same[whole],
    )
    if lack := _lack(left):
        raise InputError(f"too few pictures can be read: the rest {lack}")
    return left


def _lack(of: Pictures) -> str | None:
    if of.kind in _COLUMNS:
        enough = len(of.rows) if of.kind == "triplets" else len(set(of.same.tolist())) > 1
        return None if enough else "needs pairs that belong together, and pairs that do not"
    _, sizes = np.unique(of.labels, return_counts=True)
    if len(sizes) < 2:  # noqa: PLR2004 - one and another
        what = "pictures in one sub-folder only" if of.kind == "classes" else "one picture only"
        return f"has {what}; at least two are needed"
    if of.kind == "classes" and sizes.max() == 1:
        return "has one picture in each sub-folder; at least two are needed in one of them"
    return None


def _listed(path: Path) -> Pictures:
    try:
        text = io.StringIO(read_whole(path, _LIST).decode(), newline="")
        reader = csv.reader(text, strict=True)
        lines = [(reader.line_num, values) for values in reader if values]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _LIST.refused(path, f"is not a CSV file in UTF-8 ({error})") from error
    header = tuple(name.strip().lower() for name in lines[0][1]) if lines else ()
    kind = next((kind for kind, columns in _COLUMNS.items() if columns == header), None)
    if kind is None:
        forms = " or ".join(",".join(columns) for columns in _COLUMNS.values())
        raise _LIST.refused(path, f"begins with other columns than {forms}")
    places: dict[Path, int] = {}
    rows, same = [], []
    for number, values in lines[1:]:
        names = values if kind == "triplets" else values[:2]
        is_same = _SAME.get(values[-1].strip().lower()) if kind == "pairs" else True
        if len(values) != len(header) or is_same is None or not all(names):
            wanted = ",".join(header)
            raise _LIST.refused(path, f"line {number} is {','.join(values)!r}, not {wanted}")
        files = [path.parent / name for name in names]
        rows.append([places.setdefault(file, len(places)) for file in files])
        same.append(is_same)
    return Pictures(
        kind=kind, files=tuple(places), rows=np.array(rows, np.int64), same=np.array(same, np.bool_)
    )

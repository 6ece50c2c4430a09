"""Decides whether a report may be written over an existing file."""

from collections.abc import Iterable
from pathlib import Path

from simx.common.errors import InputError
from simx.common.input_files import InputPath, shown
from simx.common.output_files import has_content
from simx.common.safe_text import clean
from simx.models.backbone import OWN_WEIGHTS
from simx.results.files.anonymised import anonymised
from simx.results.files.report import read, read_settings
from simx.results.schema.differences import differences
from simx.results.schema.report import MeasuredCell, Report


def claim(
    path: Path,
    report: Report,
    reads: Iterable[InputPath],
    *,
    force: bool,
    weights_sha256: str | None = None,
    is_search: bool = False,
) -> bool:
    """Refuse a place for a report where something else than an earlier run of it would be lost.

    Args:
        path: The file to write.
        report: The report to write, with or without its cells. An earlier report of the same
            configuration may be replaced.
        reads: The files and folders that the command reads.
        force: Whether to replace any file that is not read.
        weights_sha256: The weights that the earlier report's cells must have, if not any.
        is_search: Whether it is no report, but the result of a search, which replaces any other
            result of one.

    Returns:
        Whether a file is replaced.

    Raises:
        InputError: The file cannot be written, is read, or is not such an earlier report.
    """
    if not has_content(path, reads):
        return False
    problem = None if is_search else _problem(path, report, weights_sha256)
    if is_search:
        try:
            read_settings(path)
        except InputError:
            problem = "exists, and is no result of simx tune"
    if not force and problem:
        raise InputError(
            f"{shown(path)}: {problem}; name another file, or add --force to replace it"
        )
    return True


def _problem(path: Path, report: Report, weights_sha256: str | None) -> str | None:
    try:
        earlier = read(path)
    except InputError:
        return "exists, and is no report that this simx reads"
    if report.config is None or earlier.config is None:
        same = report.config == earlier.config and report.source == earlier.source
        return None if same else "is the report of something else"
    cells = (cell for cell in earlier.cells if isinstance(cell, MeasuredCell))
    hashes = {cell.weights_sha256 for cell in cells if cell.identity.weights != OWN_WEIGHTS}
    if weights_sha256 is not None and hashes - {weights_sha256}:
        return "is the report of other weights"
    changed = [text for _, text in differences(earlier.config, anonymised(report.config))]
    return clean(f"is the report of another run: {'; '.join(changed)}") if changed else None

"""Which report may be written over which file."""

from pathlib import Path

import msgspec
import pytest

from simx.common.errors import InputError
from simx.results.files.anonymised import anonymised
from simx.results.files.replacing import claim
from simx.results.files.report import write
from simx.results.schema.report import Report
from tests.results.builders import failed, measured, quoted, quoted_report, report

REPORT = report(measured())
LATER = msgspec.structs.replace(REPORT, created="2027-01-05T12:00:00Z", simx="9.9.9")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the file of a report."""
    write(tmp_path / "report.json", REPORT)
    return tmp_path / "report.json"


def test_an_earlier_report_of_the_same_configuration_is_replaced(path: Path) -> None:
    """Whenever it was made, by whatever version, and whatever became of its cells."""
    assert claim(path, LATER, [], force=False)
    assert claim(path, msgspec.structs.replace(LATER, cells=()), [], force=False)
    write(path, report(failed()))
    assert claim(path, LATER, [], force=False)


def test_a_new_or_empty_file_replaces_nothing(tmp_path: Path) -> None:
    """There is nothing to lose."""
    (tmp_path / "empty").touch()

    assert not claim(tmp_path / "new.json", REPORT, [], force=False)
    assert not claim(tmp_path / "empty", REPORT, [], force=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 7}, "seed was 42 and is 7"),
        ({"threads": 1, "batch": 2}, "batch was 1 and is 2; threads was 2 and is 1"),
        ({"backbones": ("alexnet",)}, "backbones was resnet18:IMAGENET1K_V1 and is alexnet"),
    ],
)
def test_what_differs_is_named(path: Path, changes: dict[str, object], words: str) -> None:
    """Everything that decides what is measured and how, and only that."""
    assert REPORT.config is not None
    config = msgspec.structs.replace(REPORT.config, **changes)
    with pytest.raises(InputError) as refused:
        claim(path, msgspec.structs.replace(LATER, config=config), [], force=False)

    assert f"is the report of another run: {words}; name another file" in str(refused.value)
    assert claim(path, msgspec.structs.replace(LATER, config=config), [], force=True)


def test_paths_in_options_do_not_count(path: Path) -> None:
    """A report keeps the name of such a file alone."""
    assert REPORT.config is not None
    config = msgspec.structs.replace(REPORT.config, provider_options=("load=/a/b.json",))
    write(path, msgspec.structs.replace(REPORT, config=anonymised(config)))

    assert claim(path, msgspec.structs.replace(LATER, config=config), [], force=False)


@pytest.mark.parametrize("report", [REPORT, quoted_report(quoted())], ids=["measured", "quoted"])
def test_published_figures_are_replaced_by_the_same_ones_alone(path: Path, report: Report) -> None:
    """They have no configuration; their source takes its place."""
    write(path, quoted_report(quoted()))
    if report.config is None:
        assert claim(path, report, [], force=False)
        report = msgspec.structs.replace(report, source="another one")
    with pytest.raises(InputError, match="is the report of something else"):
        claim(path, report, [], force=False)


def test_other_weights_are_another_report(path: Path) -> None:
    """Where the weights have to be those of a file."""
    assert claim(path, LATER, [], force=False, weights_sha256="0" * 64)
    with pytest.raises(InputError, match="is the report of other weights"):
        claim(path, LATER, [], force=False, weights_sha256="1" * 64)


@pytest.mark.parametrize("content", [b"old", b"{}", b'{"schema": {"name": "simx-report"}}'])
def test_what_is_no_report_is_kept(path: Path, content: bytes) -> None:
    """Also the report of a version that cannot be read."""
    path.write_bytes(content)
    with pytest.raises(InputError, match="exists, and is no report that this simx reads"):
        claim(path, REPORT, [], force=False)

    assert claim(path, REPORT, [], force=True)

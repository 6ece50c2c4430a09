"""``simx models``: the list, in every form."""

import csv
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from simx.common.errors import ExitCode
from simx.models.catalogue import load
from tests.cli.support import Simx

PROMISED = {
    "model",
    "weights",
    "family",
    "gflops",
    "gflops_range",
    "params",
    "acc1",
    "acc5",
    "embedding_dim",
    "path",
}


class _Listed(msgspec.Struct):
    """The fields of a record that programs were promised."""

    model: str
    weights: str
    default: bool
    family: str
    gflops: float
    gflops_range: str | None
    params: int
    acc1: float | None
    acc5: float | None
    embedding_dim: int
    path: str | None


def _listed(simx: Simx, *arguments: str) -> list[_Listed]:
    outcome = simx("models", *arguments, "--format", "json")

    assert (outcome.code, outcome.err) == (ExitCode.DONE, "")
    return msgspec.json.decode(outcome.out, type=list[_Listed])


def test_all_backbones_are_listed(simx: Simx) -> None:
    """115 of torchvision's, 80 of them with their architecture's default weights; timm's follow."""
    listed = _listed(simx)

    assert len({(one.model, one.weights) for one in listed}) == len(listed) == len(load())
    of_torchvision = [one for one in listed if not one.model.startswith("timm:")]
    assert len(of_torchvision) == 115
    assert len({one.model for one in of_torchvision if one.default}) == 80
    assert sum(one.default for one in of_torchvision) == 80


def test_every_record_has_the_promised_fields(simx: Simx) -> None:
    """Fields are there for every backbone, null where there is nothing."""
    outcome = simx("models", "--format", "json")
    records = msgspec.json.decode(outcome.out, type=list[dict[str, msgspec.Raw]])

    assert all(record.keys() >= PROMISED for record in records)


def test_a_record_tells_what_torchvision_publishes(simx: Simx) -> None:
    """The figures are torchvision's, the range is the tables', and nothing is exported yet."""
    assert _listed(simx, "resnet50:v1") == [
        _Listed(
            model="resnet50",
            weights="IMAGENET1K_V1",
            default=False,
            family="resnet",
            gflops=4.089,
            gflops_range="4-6",
            params=25557032,
            acc1=76.13,
            acc5=92.862,
            embedding_dim=2048,
            path=None,
        )
    ]


def test_options_narrow_and_regroup_the_list(simx: Simx) -> None:
    """Names, families, ranges, edges and the embedding mean here what they mean everywhere."""
    narrowed = _listed(simx, "--family", "vit", "--gflops", "4-6", "--ranges", "0,5")
    flat = _listed(simx, "squeezenet1_1", "--embedding", "flat")

    assert {(one.model, one.gflops_range) for one in narrowed} == {
        ("vit_b_32", "0-4"),
        ("timm:vit_small_patch16_224", "0-4"),
    }
    assert [one.embedding_dim for one in flat] == [512 * 13 * 13]


def test_the_list_as_csv_has_a_row_for_each(simx: Simx) -> None:
    """Programs get every digit below a header."""
    rows = list(csv.DictReader(io.StringIO(simx("models", "--format", "csv").out)))

    assert len(rows) == len(load())
    assert next(row["gflops"] for row in rows if row["model"] == "alexnet") == "0.714"


def test_the_list_as_markdown_is_a_sound_table(simx: Simx) -> None:
    """It has all rows, and each of them all fields."""
    text = simx("models", "--format", "markdown").out
    lines = [line for line in text.splitlines() if line.startswith("|")]

    assert len(lines) == 2 + len(load())
    assert len({line.count("|") for line in lines}) == 1


def test_rows_that_are_continued_stay_recognisable(
    simx: Simx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where columns are spread over several tables, each row says again whose it is."""
    monkeypatch.setenv("COLUMNS", "80")

    rows = [line for line in simx("models").out.splitlines() if "wide_resnet50_2" in line]

    assert len(rows) > 2
    assert all("IMAGENET1K_V1" in row or "IMAGENET1K_V2" in row for row in rows)


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_the_output_file_holds_what_stdout_would(simx: Simx, folder: Path, form: str) -> None:
    """``-o`` moves the result, whole, and leaves stdout empty."""
    shown = simx("models", "vgg*", "--format", form)
    saved = simx("models", "vgg*", "--format", form, "-o", folder / "list")

    assert (saved.code, saved.out, saved.err) == (ExitCode.DONE, "", "")
    assert (folder / "list").read_text(encoding="utf-8") == shown.out


@pytest.mark.parametrize("columns", [80, 200])
def test_the_table_keeps_to_the_terminals_width(
    simx: Simx, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """No line is wider than COLUMNS, and no model is lost for it."""
    monkeypatch.setenv("COLUMNS", str(columns))

    outcome = simx("models")

    assert max(cell_len(line) for line in outcome.out.splitlines()) <= columns
    assert "shufflenet_v2_x2_0" in outcome.out


def test_off_a_terminal_nothing_is_coloured(simx: Simx) -> None:
    """A pipe gets text without escape codes."""
    assert "\x1b" not in simx("models").out


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["plain", "NO_COLOR", "dumb"],
)
def test_a_terminal_is_coloured_unless_it_asks_otherwise(
    folder: Path, variables: dict[str, str], *, coloured: bool
) -> None:
    """NO_COLOR and a dumb terminal are obeyed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "simx", "models", "resnet18"],
        cwd=folder,
        env=os.environ | {"TERM": "xterm-256color"} | variables,
        stdout=theirs,
    ) as process:
        os.close(theirs)
        shown = _until_closed(ours)

    assert process.returncode == ExitCode.DONE
    assert b"resnet18" in shown
    assert (b"\x1b[" in shown) == coloured


def _until_closed(terminal: int) -> bytes:
    """Read all that is written to a terminal; Linux tells its end as an error."""
    read = b""
    with os.fdopen(terminal, "rb", buffering=0) as file:
        try:
            while chunk := file.read(4096):
                read += chunk
        except OSError:
            pass
    return read

"""What a figure depends on is in every rendering: where the weights come from."""

import csv
import io
import json
import re
from typing import Literal

import msgspec
import pytest

from simx.report.content import Form
from simx.results.schema.report import MeasuredCell, Report
from tests.report.every import differences, renderings
from tests.report.samples import rendered
from tests.results.builders import identity, measured, quoted, quoted_report, report

Origin = Literal["pretrained", "file", "random", "quoted"]

ORIGINS: tuple[Origin, ...] = ("pretrained", "file", "random", "quoted")
FOR_PEOPLE = ("table models short", "table models", "markdown models", "html models")
ALL_FOR_PEOPLE = (*FOR_PEOPLE, "table origin", "markdown origin", "table pareto", "markdown pareto")
FOR_PROGRAMS = ("csv models", "csv pareto", "json pareto")

EVERY = [
    (origin, name)
    for origin in ORIGINS
    for name in (*ALL_FOR_PEOPLE, *FOR_PROGRAMS)
    if origin != "quoted" or "pareto" not in name  # it has no forward to choose by
]


def cells(origin: Literal["pretrained", "file", "random"]) -> tuple[MeasuredCell, MeasuredCell]:
    """Return a cell on each backend, with accuracies as reports up to version 5 have them."""
    torch = measured(origin=origin)
    return torch, measured(identity(backend="ort"), milliseconds=25, origin=origin)


def of(origin: Origin) -> Report:
    return quoted_report(quoted()) if origin == "quoted" else report(*cells(origin))


def texts(origin: Origin) -> dict[str, str]:
    """Return every rendering by its name; the marks of a page follow their figures."""
    found = dict(renderings(of(origin)))
    return {name: re.sub("<abbr[^>]*>", "", text) for name, text in found.items()}


@pytest.mark.parametrize(("origin", "name"), EVERY)
def test_no_accuracy_is_another_one_s(origin: Origin, name: str) -> None:
    """The published one is that of its own weights: absent for a file, marked for random ones."""
    text = texts(origin)[name]
    shown = re.sub(r' data-[\w-]+="[^"]*"', "", text.partition("<script")[0])
    figures = re.findall(r"(?<![\d.\"])69\.7(?:6|58)°?", shown)

    if origin == "file":
        assert not figures
    elif name in ALL_FOR_PEOPLE:
        assert {each.endswith("°") for each in figures} == {origin == "random"}
    else:
        assert figures


@pytest.mark.parametrize("name", FOR_PEOPLE)
@pytest.mark.parametrize("origin", ["pretrained", "file", "random"])
def test_similarities_of_random_weights_are_marked(origin: Origin, name: str) -> None:
    """And no others."""
    figures = re.findall("84\\.13°?", texts(origin)[name])

    assert figures
    assert all(each.endswith("°") == (origin == "random") for each in figures)


@pytest.mark.parametrize(("origin", "name"), [each for each in EVERY if each[1] in ALL_FOR_PEOPLE])
def test_weights_of_a_file_do_not_go_by_the_name_of_others(origin: Origin, name: str) -> None:
    """The name says file; that of torchvision's weights stands for them alone."""
    text = texts(origin)[name]

    assert ("resnet18:file" in text) == (origin == "file")
    assert ("resnet18:V1" in text) == (origin != "file")


@pytest.mark.parametrize("origin", ORIGINS)
def test_programs_get_the_origin_in_a_field(origin: Origin) -> None:
    """Of every row and record; the hash where the weights were there to be hashed."""
    rows = list(csv.DictReader(io.StringIO(texts(origin)["csv models"])))
    (document,) = [json.loads(rendered(of(origin), form="json"))]
    decision = json.loads(texts(origin)["json pareto"])
    named = "pretrained" if origin == "quoted" else origin

    assert {row["weights_origin"] for row in rows} == {named}
    assert {row["weights_sha256"] for row in rows} == {"" if origin == "quoted" else "0" * 64}
    assert {cell["weights_origin"] for cell in document["cells"]} == {named}
    assert {each["weights_origin"] for each in decision["backbones"]} <= {named}


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
@pytest.mark.parametrize("origin", ["pretrained", "file", "random"])
def test_a_comparison_says_whose_similarity_changed(
    origin: Literal["pretrained", "file", "random"], form: Form
) -> None:
    """By the cell's name, by a mark, or in a field of its own."""
    base = report(*cells(origin))
    changed = tuple(
        msgspec.structs.replace(
            cell, similarity=msgspec.structs.replace(cell.similarity, positive=80.5)
        )
        for cell in cells(origin)
    )
    text = dict(differences(base, report(*changed)))[f"diff {form}"]

    assert "80.5" in text
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {(row["weights_origin"], row["weights_sha256"]) for row in rows} == {
            (origin, "0" * 64)
        }
    elif form == "json":
        assert f'"weights_origin": "{origin}"' in text
    else:
        assert ("80.500 %°" in text) == (origin == "random")
        assert ("resnet18:file" in text) == (origin == "file")


def test_two_kinds_of_preprocessing_of_one_file_are_distinguished() -> None:
    """Both are called file, so that the weights whose preprocessing they have stand beside."""
    both = [
        measured(identity(weights=weights), origin="file")
        for weights in ("IMAGENET1K_V1", "IMAGENET1K_V2")
    ]
    output = rendered(report(*both))

    assert "resnet18:file  as V1" in output
    assert "resnet18:file  as V2" in output


def test_weights_of_a_file_are_named_by_their_hash() -> None:
    """Above the tables, with the beginning of the hash and without a folder."""
    assert f"weights file with SHA-256 {'0' * 12}" in rendered(of("file"))

"""Lists of what there is and what was exported, in the formats of tables."""

import pytest
from rich.cells import cell_len

from simx.report.content import Form, Screen
from simx.report.content import render as render_content
from simx.report.listing import ListColumn, listing_content
from tests.report.samples import HOSTILE

Fields = tuple[str | int | float | None, ...]


def column(
    place: int, name: str, heading: str, unit: str = "", *, text: bool
) -> ListColumn[Fields]:
    return ListColumn(name, lambda row: row[place], heading, unit, text=text)


COLUMNS = (
    column(0, "model", "model", text=True),
    column(1, "weights", "weights", text=True),
    column(2, "gflops", "GFLOPS", "MACs", text=False),
    column(3, "params", "parameters", text=False),
    column(4, "path", "exported", text=True),
)
ROWS: tuple[Fields, ...] = (
    ("resnet18", "IMAGENET1K_V1", 1.814, 11689512, None),
    ("resnet18", "-V2", 10.0, 7, "/store/resnet18.onnx"),
)


def render(
    name: Form,
    rows: tuple[Fields, ...] = ROWS,
    columns: tuple[ListColumn[Fields], ...] = COLUMNS,
    width: int = 100,
) -> str:
    return render_content(listing_content(rows, columns, keys=2), name, Screen(width=width))


def test_a_table_for_a_terminal() -> None:
    """Figures align, floats are rounded, and every row has its keys."""
    assert render("table").splitlines() == [
        "                         GFLOPS,",
        "model     weights           MACs  parameters  exported",
        "──────────────────────────────────────────────────────────────────",
        "resnet18  IMAGENET1K_V1     1.81    11689512  \N{EN DASH}",
        "resnet18  -V2              10.00           7  /store/resnet18.onnx",
    ]


def test_a_narrow_terminal_gets_parts() -> None:
    """What does not fit goes on below, with the keys."""
    output = render("table", width=50)

    assert max(map(cell_len, output.splitlines())) <= 50
    assert output.count("IMAGENET1K_V1") == 2
    assert "/store/resnet18.onnx" in output


def test_markdown() -> None:
    """The same as a pipe table."""
    assert render("markdown").splitlines() == [
        "| model | weights | GFLOPS, MACs | parameters | exported |",
        "| --- | --- | ---: | ---: | --- |",
        "| resnet18 | IMAGENET1K_V1 | 1.81 | 11689512 | \N{EN DASH} |",
        "| resnet18 | -V2 | 10.00 | 7 | /store/resnet18.onnx |",
    ]


def test_csv() -> None:
    """All digits under the names for programs, nothing where there is nothing."""
    assert render("csv").splitlines() == [
        "model,weights,gflops,params,path",
        "resnet18,IMAGENET1K_V1,1.814,11689512,",
        "resnet18,'-V2,10.0,7,/store/resnet18.onnx",
    ]


@pytest.mark.parametrize("name", ["table", "markdown", "csv"])
def test_an_empty_list_has_its_headings(name: Form) -> None:
    """Nothing to list is no error."""
    output = render(name, ())

    assert "weights" in output


@pytest.mark.parametrize("name", ["table", "markdown", "csv"])
def test_strings_are_only_text(name: Form) -> None:
    """No control character of a path or a name gets out."""
    output = render(name, ((HOSTILE, HOSTILE),), COLUMNS[:2])

    assert all(character.isprintable() or character == "\n" for character in output)

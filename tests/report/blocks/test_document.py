"""Documents of headings, paragraphs and tables, on a terminal and in Markdown."""

import pytest

from simx.report.blocks.document import (
    Block,
    Column,
    Facts,
    Heading,
    Paragraph,
    Points,
    Row,
    Table,
    groups_of,
    parts_of,
)
from simx.report.content import Screen
from simx.report.formats import markdown, terminal
from simx.report.words.values import Value

TABLE = Table(
    title="Times",
    columns=(Column("model", justify="left"), Column("torch cpu", "ms", "forward"), Column("acc1")),
    rows=(
        Row((Value("a"), Value("1.25", "±1%", "◂", "best"), Value("70"))),
        Row((Value("longer_name"), Value("12"), Value("8.5"))),
    ),
)
BLOCKS: tuple[Block, ...] = (
    Heading("One"),
    Paragraph("first " * 20),
    Paragraph("second", "warning"),
    TABLE,
    Points(("third " * 15, "*why*"), "faint"),
    Facts((("machine", ("CPU", "2 cores")),), detail=True),
)


def shown(*blocks: Block, width: int = 60, detail: bool = True) -> str:
    return terminal.render(blocks, Screen(width=width, detail=detail))


def test_a_terminal_gets_all_of_it_in_its_order() -> None:
    """To the character, with empty lines between what does not belong together."""
    assert shown(*BLOCKS).splitlines() == [
        "One",
        "",
        "first first first first first first first first first first",
        "first first first first first first first first first first",
        "second",
        "",
        "Times",
        "               forward",
        "                 torch",
        "model          cpu, ms  acc1",
        "────────────────────────────",
        "a            1.25 ±1%◂    70",
        "longer_name         12   8.5",
        "",
        "· third third third third third third third third third",
        "  third third third third third third",
        "· *why*",
        "",
        "machine CPU · 2 cores",
    ]


def test_a_short_rendering_leaves_details_out() -> None:
    """Markdown has them anyway."""
    assert "2 cores" not in shown(*BLOCKS, detail=False)
    assert "- **machine:** CPU · 2 cores\n" in markdown.render(BLOCKS)


def test_markdown_marks_what_must_be_noticed() -> None:
    """And shows markup of others as what it is."""
    text = markdown.render(BLOCKS)

    assert text.startswith("## One\n\nfirst")
    assert "\n**second**\n" in text
    assert (
        "\n**Times**\n\n| model | forward<br>torch cpu, ms | acc1 |\n| --- | ---: | ---: |" in text
    )
    assert "\n| a | **1.25 ±1%◂** | 70 |\n" in text
    assert "\n- \\*why\\*\n" in text


def wide(columns: int, *, optional: bool = False) -> Table:
    """Return a table with columns of ten characters, three to a group."""
    figures = tuple(Column(f"column_{n:03}", group=f"group{n // 3}") for n in range(columns))
    last = Column("further", "µs", optional=True)
    row = (Value("resnet18"), *(Value("1.0") for _ in figures))
    return Table(
        columns=(Column("model", justify="left"), *figures, *((last,) if optional else ())),
        rows=(Row((*row, *((Value("7"),) if optional else ()))),),
    )


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_that_is_too_wide_goes_on_below_with_its_keys(width: int) -> None:
    """Every column is there once, and no line is wider than the terminal."""
    text = shown(wide(12), width=width)
    parts = text.split("\n\n")

    assert max(map(len, text.splitlines())) <= width
    assert len(parts) > 1
    assert all("resnet18" in part for part in parts)
    assert [text.count(f"column_{n:03}") for n in range(12)] == [1] * 12


def test_an_optional_column_goes_before_a_table_is_parted() -> None:
    """That is said, and a wider terminal or all details have it."""
    narrow = shown(wide(4, optional=True), width=60, detail=False)

    assert "further, µs" not in narrow
    assert "further columns in a wider terminal: 1" in narrow
    assert narrow.count("resnet18") == 1
    assert "further columns" not in shown(wide(4, optional=True), width=80, detail=False)
    assert "further columns" not in shown(wide(4, optional=True), width=60)


def test_groups_stay_whole_where_they_fit() -> None:
    """Four columns fit beside the keys; a group of three is not parted for the fourth."""
    assert list(parts_of(wide(7), [10, *[12] * 7], 60)) == [[0, 1, 2, 3], [0, 4, 5, 6, 7]]


def test_a_group_that_no_part_can_hold_is_parted() -> None:
    """A part has at least one column, however wide."""
    assert list(parts_of(wide(3), [10, *[30] * 3], 30)) == [[0, 1], [0, 2], [0, 3]]


def test_a_text_that_is_too_wide_wraps_in_its_column() -> None:
    """Nothing of it is cut."""
    words = [f"word{n}" for n in range(30)]
    table = Table(
        columns=(Column("model", justify="left"), Column("why", justify="left")),
        rows=(Row((Value("a" * 70), Value(" ".join(words)))),),
    )
    text = shown(table)

    assert max(map(len, text.splitlines())) <= 60
    assert text.count("a") == 70
    assert [word for word in words if word in text.split()] == words


def test_rows_of_a_section_stand_below_its_name() -> None:
    """In Markdown, which has no line for it, it precedes their keys."""
    table = Table(
        columns=(Column("", justify="left"), Column("alexnet")),
        rows=(
            Row((Value("time"), Value("1")), "positive"),
            Row((Value("similarity"), Value("2")), "positive"),
            Row((Value("time"), Value("3")), "negative"),
        ),
    )

    assert [line.split() for line in shown(table).splitlines()[2:]] == [
        ["positive"],
        ["time", "1"],
        ["similarity", "2"],
        ["negative"],
        ["time", "3"],
    ]
    assert "| negative: time | 3 |" in markdown.render([table])


def test_groups_span_neighbouring_columns() -> None:
    """As many as follow each other; one without a group stands alone."""
    columns = [Column("a", group="x"), Column("b", group="x"), Column("c"), Column("d", group="y")]

    assert groups_of(columns) == (("x", 2), ("", 1), ("y", 1))

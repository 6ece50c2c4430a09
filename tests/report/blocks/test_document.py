"""Headings, paragraphs and tables, on a terminal and in Markdown."""

from simx.report.blocks.document import Heading, Paragraph, to_markdown, to_terminal
from simx.report.blocks.table import Column, Row, Table, Value

TABLE = Table(
    keys=(Column("model", align="left"),),
    columns=(Column("ms"),),
    rows=(Row(("a",), (Value("1"),)),),
)
BLOCKS = (
    Heading("One"),
    Paragraph("first " * 20),
    Paragraph("second", "warning"),
    TABLE,
    Paragraph("third"),
    Paragraph("*why*", "faint"),
)


def test_what_belongs_together_stands_together() -> None:
    """Paragraphs of a kind follow each other; all else has an empty line between."""
    text = to_terminal(BLOCKS, width=60, color=False)
    begun = [line.split()[0] if line else "" for line in text.splitlines()]

    paragraphs = ["One", "", "first", "first", "first", "second"]
    assert begun == [*paragraphs, "", "model", "─────", "a", "", "third", "", "*why*"]
    assert max(map(len, text.splitlines())) <= 60


def test_markdown_marks_what_has_to_be_seen() -> None:
    """And shows markup of others as what it is."""
    text = to_markdown(BLOCKS)

    assert text.startswith("## One\n\nfirst")
    assert "\n**second**\n" in text
    assert "\n| a | 1 |\n" in text
    assert text.endswith("\n\n\\*why\\*\n")

"""The tables of an evaluation: every figure with its interval, and what is best in words."""

import msgspec
import pytest

from simx.report.content import Screen, render
from simx.report.contents import evaluation_content
from simx.report.words.values import ABSENT
from simx.results.schema.evaluation import EvaluatedCell, Evaluation
from simx.results.schema.report import WeightsOrigin
from tests.results.builders import identity
from tests.results.evaluations import evaluation


def markdown(found: Evaluation) -> str:
    return render(evaluation_content(found), "markdown", Screen(width=100))


def rows(text: str, title: str) -> list[str]:
    """Return the rows of the table below a title."""
    _, _, rest = text.partition(title)
    return [line for line in rest.split("\n\n")[1].splitlines() if line.startswith("| ")][2:]


def test_figures_have_their_intervals() -> None:
    """Shares are percent, and the best cells are marked by an interval that reaches 0."""
    first, second, third = rows(markdown(evaluation()), "Who finds")

    assert first.startswith("| goodnet:V1 | torch cpu | 82.5 (79.4 to 85.6) |")
    assert "| 62.5 (59.4 to 65.6) | 87.5 (84.4 to 90.6) | " in first
    assert second.endswith("3.1 (-6.2 to 12.5)** |")
    assert third.endswith("| 37.5 (31.2 to 43.8) |")


def test_the_table_of_costs_has_neighbours_bytes_and_speed() -> None:
    """A cell without a reference has no share of neighbours."""
    text = markdown(evaluation())
    first, second, _ = rows(text, "What it costs")

    sizes, speeds = ("512", "2,048", "1000", "72"), ("123", "568", "network-bound")
    figures = (ABSENT.figure, "0.999999", *sizes, *speeds)
    assert "search in float64, scaled from 72 vectors" in text
    assert first == f"| goodnet:V1 | torch cpu | {' | '.join(figures)} |"
    assert "| 93.8 (90.6 to 96.9) |" in second


@pytest.mark.parametrize(
    "sentence",
    [
        "Best by mAP@R: goodnet:V1 on torch cpu; not told apart from it: goodnet:V1 on ort cpu.",
        "✗ resnet18:V1 on torch cpu: parity: the embedding differs from torch's",
        "72 pictures in 12 classes · 1 duplicate · 2 unreadable",
        "95 % · bootstrap over queries · 1,000 resamples",
        "dddddddddddd: picture cannot be decoded",
        "not read: picture: no such file",
    ],
)
def test_what_is_best_and_what_failed_is_a_sentence(sentence: str) -> None:
    """Nothing of it has to be read from the JSON."""
    assert sentence in markdown(evaluation())


def test_a_best_cell_that_all_others_are_behind_is_alone() -> None:
    """No other interval reaches 0."""
    found = evaluation()
    alone = msgspec.structs.replace(found, cells=(found.cells[0], found.cells[2]))

    assert "Best by mAP@R: goodnet:V1 on torch cpu; all others are behind it." in markdown(alone)


def test_random_weights_are_marked() -> None:
    """Their figures say nothing of the backbone."""
    found = evaluation()
    cell = found.cells[0]
    assert isinstance(cell, EvaluatedCell)
    random = msgspec.structs.replace(cell, weights_origin="random")
    text = markdown(msgspec.structs.replace(found, cells=(random,)))

    assert "goodnet:V1°" in text
    assert "° random weights" in text
    assert "°" not in markdown(msgspec.structs.replace(found, cells=(cell,)))


@pytest.mark.parametrize(("origin", "is_said"), [("pretrained", True), ("file", False)])
def test_a_licence_is_said_of_pretrained_weights(origin: WeightsOrigin, *, is_said: bool) -> None:
    """Where it is not a permissive one; a file of the user's own can have another one."""
    found = evaluation()
    cell = found.cells[0]
    assert isinstance(cell, EvaluatedCell)
    its = identity("vit_b_16", "IMAGENET1K_SWAG_E2E_V1")
    swag = msgspec.structs.replace(cell, identity=its, weights_origin=origin)
    text = markdown(msgspec.structs.replace(found, cells=(swag,)))

    assert ("SWAG/blob/main/LICENSE (no commercial use)" in text) is is_said


@pytest.mark.parametrize("width", [60, 100, 200])
def test_tables_fit_the_terminal(width: int) -> None:
    """They are split where they are too wide."""
    text = render(evaluation_content(evaluation()), "table", Screen(width=width))

    assert max(map(len, text.splitlines())) <= width
    assert text.startswith("simx evaluation, 2026-01-05T12:00:00+00:00\n")

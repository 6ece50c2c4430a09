"""A cell of which only a share ran where it was asked for: called so wherever it is named."""

import pytest

from simx.report.blocks.document import Layout
from simx.report.content import Form, Screen, render
from simx.report.contents import comparison_content, decision_content
from simx.results.schema.report import Report
from simx.results.summaries.selection_criteria import SelectionCriteria
from tests.report.every import FORMS
from tests.report.samples import rendered
from tests.results.builders import identity, measured, report
from tests.results.comparison.builders import cell, compared, digest

CUDA = "CUDAExecutionProvider"
LABEL = "ort:partial=118/142"


def partial_and_fastest() -> Report:
    """Return a report in which the partial cell is faster than all others."""
    return report(
        measured(identity(provider=CUDA), milliseconds=50),
        measured(
            identity(backend=LABEL, provider=CUDA),
            milliseconds=5,
            placement={CUDA: 118, "CPUExecutionProvider": 24},
        ),
    )


def unlabelled(text: str) -> list[str]:
    """Return the lines that name the backend without its share."""
    return [
        line
        for line in text.splitlines()
        if any(bare in line for bare in ("ort cuda", "ort,CUDA", '"backend": "ort"'))
    ]


@pytest.mark.parametrize("form", [*FORMS, "html"])
@pytest.mark.parametrize("layout", ["models", "origin"])
def test_no_rendering_forgets_the_share(form: Form, layout: Layout) -> None:
    """In no format, layout, finding, note or chart is it called what a whole cell is called."""
    text = rendered(partial_and_fastest(), form=form, layout=layout)

    assert LABEL in text
    assert unlabelled(text) == []


@pytest.mark.parametrize("form", FORMS)
def test_the_decision_names_it_too(form: Form) -> None:
    """Under its own name alone can it be asked for."""
    content = decision_content([partial_and_fastest()], SelectionCriteria(backends=(LABEL,)))
    text = render(content, form, Screen(width=200))

    assert LABEL in text
    assert unlabelled(text) == []


def test_the_word_is_explained_where_it_is_used() -> None:
    """And nowhere else."""
    explanation = "partial: the share of the graph's nodes that ran on the provider"

    assert explanation in rendered(partial_and_fastest(), form="markdown")
    assert explanation not in rendered(report(measured()), form="markdown")


def test_a_finding_that_it_wins_says_so() -> None:
    """The sentence has the share, as has the one about what is slower."""
    text = " ".join(rendered(partial_and_fastest(), form="markdown").split())

    assert f"{LABEL} cuda" in text.partition("fastest")[0] + text.partition("fastest")[2]


@pytest.mark.parametrize("form", FORMS)
def test_a_comparison_with_a_whole_is_none(form: Form) -> None:
    """Nodes that ran elsewhere are another thing, and both names are told."""
    whole = identity(backend="ort", provider=CUDA)
    share = identity(backend=LABEL, provider=CUDA)
    found = compared(digest(cell(its=whole)), digest(cell(its=share)))
    text = render(comparison_content([found]), form, Screen(width=200))

    assert found.compared == ()
    assert [each.name for each in found.cells[0].barred] == ["placement"]
    assert LABEL in text

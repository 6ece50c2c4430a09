"""The HTML page: one file, that asks for nothing and takes no name for markup."""

import base64
import hashlib
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser

import msgspec
import pytest

from simx.common.errors import InputError
from simx.models.ranges import DEFAULT_RANGES
from simx.report.content import Screen, render
from simx.report.contents import evaluation_content, history_content, report_content
from simx.report.formats.page.lines import HEIGHT, MOST_LINES, MOST_POINTS, WIDTH
from simx.report.words.findings import sentences
from simx.report.words.notes import legend, range_notes
from simx.results.history.history import History, history
from simx.results.schema.evaluation import Evaluation
from simx.results.schema.report import Report
from simx.results.schema.times import Timing
from simx.results.summaries.derivation import by_range
from simx.results.summaries.evaluated import PicturedPair
from simx.results.summaries.selection_criteria import Limits, SelectionCriteria
from tests.report.samples import HOSTILE, two_backbones
from tests.results.builders import (
    MS,
    failed,
    identity,
    launches,
    measured,
    quoted,
    quoted_report,
    report,
)
from tests.results.evaluations import evaluation, timed
from tests.results.history.series import day, stored

VOID = {"meta", "link", "input", "br", "wbr", "img"}

ATTACKS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"'><img src=x onerror=alert(1)>",
    "=cmd|'/c calc'!A1",
    "{{ 7 * 7 }}{% raw %}",
    "${7*7}`",
    "\u2028\u2029&lt;",
    HOSTILE,
)


class Parsed(HTMLParser):
    """What a page consists of: elements with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.contents: dict[str, list[str]] = {}
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in {"script", "style"}:
            self.contents.setdefault(self.open[-1], []).append(data)
        else:
            self.text.append(data)

    def count(self) -> Counter[str]:
        """Count the elements, without where a name may be broken."""
        return Counter(tag for tag, _ in self.elements if tag != "wbr")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(*reports: Report, criteria: SelectionCriteria | None = None) -> str:
    content = report_content(reports, DEFAULT_RANGES, criteria=criteria)
    return render(content, "html", Screen(width=100))


def parsed(*reports: Report) -> Parsed:
    return Parsed(page(*reports))


def data_of(found: Parsed, number: int = 0) -> dict[str, list[dict[str, object]]]:
    content = msgspec.json.decode(found.contents["script"][number])
    assert isinstance(content, dict)
    return content


def test_every_element_is_closed_and_every_id_is_there_once() -> None:
    """Two reports on one page do not get in each other's way."""
    found = parsed(two_backbones(), two_backbones())
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    references = [
        name
        for _, attributes in found.elements
        for key in ("aria-labelledby", "aria-describedby")
        for name in (attributes.get(key) or "").split()
    ]

    assert found.open == []
    assert len(ids) == len(set(ids))
    assert set(references) <= set(ids)


def test_nothing_comes_from_elsewhere() -> None:
    """No element has an address but those of the page's own places, and the empty icon."""
    found = parsed(two_backbones())
    addresses = {
        attributes[name]
        for _, attributes in found.elements
        for name in ("src", "href", "action", "srcset", "data", "poster")
        if name in attributes
    }

    assert {address for address in addresses if address and not address.startswith("#")} == {
        "data:,"
    }
    assert "@import" not in page(two_backbones())


def test_the_policy_allows_this_very_script_and_style() -> None:
    """By their hashes, and nothing else at all."""
    found = parsed(two_backbones())
    [policy] = [
        meta["content"]
        for meta in found.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"
        for content in (found.contents["script"][-1], found.contents["style"][0])
    ]

    assert policy == (
        f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not [attributes for _, attributes in found.elements if "style" in attributes]
    assert not [name for _, given in found.elements for name in given if name.startswith("on")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_from_a_report_is_text(attack: str) -> None:
    """A model, its weights, a note, a reason or a machine is called what it likes."""
    honest, hostile = (Parsed(page(_named(name))) for name in ("somebody", attack))

    assert hostile.count() == honest.count()
    assert len(hostile.contents["script"]) == len(honest.contents["script"])
    assert hostile.contents["script"][-1] == honest.contents["script"][-1]


def _named(name: str) -> Report:
    cell = measured(identity(name, name, name, name))
    named = report(
        msgspec.structs.replace(
            cell, catalogue=msgspec.structs.replace(cell.catalogue, family=name)
        ),
        failed(identity("other", backend="ort"), reason=name),
        notes=[name],
    )
    assert named.environment is not None
    return msgspec.structs.replace(
        named,
        created=name,
        environment=msgspec.structs.replace(named.environment, cpu=name, libraries={name: name}),
    )


def test_the_figures_are_those_of_the_tables() -> None:
    """What the terminal prints of a cell stands in the page too, and what failed is said."""
    text = " ".join(" ".join(parsed(two_backbones()).text).split())

    for part in ("resnet18:V1", "ort cpu", "50.0", "±", "84.13", "✗ vgg11:V1 on ort cpu failed"):
        assert part in text


def test_the_charts_draw_what_was_measured() -> None:
    """A record for each cell, in the order of the rows, with its interval and its stages."""
    cells = data_of(parsed(two_backbones()))["cells"]

    assert [(cell["name"], cell["target"]) for cell in cells] == [
        ("resnet18:V1", 0),
        ("resnet18:V1", 1),
        ("vgg11:V1", 0),
        ("vgg11:V1", 1),
    ]
    time = cells[1]["time"]
    assert isinstance(time, list)
    assert time[0] == pytest.approx(25, rel=1e-2)
    assert time[1] < time[0] < time[2]
    assert cells[0]["unbeaten"] is True
    assert "time" not in cells[3]
    assert "raw" not in cells[3]


@pytest.mark.parametrize("of", [two_backbones(), quoted_report(quoted())], ids=["own", "quoted"])
def test_findings_and_notes_are_those_of_the_tables(of: Report) -> None:
    """Every sentence under a range, and all of the legend, in the same words."""
    text = "".join(parsed(of).text)
    ranges = by_range(of, DEFAULT_RANGES)
    said = [each for found in ranges for each in (*sentences(found), *range_notes(found.backbones))]

    assert said
    assert all(each in text for each in (*said, *legend(of)))


def test_tables_say_what_their_headings_are_for() -> None:
    """Every column has a heading that can be sorted by, every row one that names it."""
    found = parsed(two_backbones())
    scopes = [attributes["scope"] for attributes in found.all("th")]
    sortable = [attributes for attributes in found.all("th") if attributes["scope"] == "col"]

    assert set(scopes) == {"col", "colgroup", "row"}
    assert all(attributes["aria-sort"] == "none" for attributes in sortable)
    assert len(found.all("caption")) == len(found.all("table"))


def test_limits_are_answered() -> None:
    """What was asked for on the command line is answered on the page."""
    criteria = SelectionCriteria(limits=Limits(max_latency_ns=30 * MS))
    text = page(two_backbones(), criteria=criteria)

    assert "nearest is resnet18:V1" in text
    assert "Take resnet18:V1 (25.0" in text


def test_a_target_that_is_not_there_is_refused() -> None:
    """As everywhere else."""
    with pytest.raises(InputError, match="tensorflow"):
        page(two_backbones(), criteria=SelectionCriteria(backends=("tensorflow",)))


def test_a_report_without_a_cell_is_a_page() -> None:
    """There is nothing to take, and the machine is still told."""
    text = " ".join(parsed(report()).text)

    assert "Example CPU" in text
    assert "Which backbone to take" not in text


def test_quoted_figures_are_drawn_as_they_are() -> None:
    """Without intervals and raw times; the pipeline stands in for a forward that is not told."""
    found = parsed(quoted_report(quoted()))
    (cell,) = data_of(found)["cells"]
    text = " ".join(found.text)

    assert cell["time"][1:] == [None, None]  # type: ignore[index]
    assert "raw" not in cell
    assert "Raw times of a cell" not in text
    assert "the pipeline of the positive picture" in text


@pytest.mark.parametrize("count", [1, 5])
def test_what_is_left_out_is_said(count: int) -> None:
    """A page with fewer raw times than its report says so, and one with all does not."""
    blocks = [[MS + place for place in range(64)] for _ in range(count)]
    timing = Timing(scope="forward", image=None, launches=launches(blocks, blocks, blocks))

    assert ("evenly spaced ranks" in page(report(measured(of=(timing,))))) is (count == 5)


def test_a_cell_adds_little_to_the_page() -> None:
    """Eighty backbones on four targets stay near a megabyte, the library included."""
    cells = [measured(identity(f"resnet{place}")) for place in range(21)]
    one, many = (len(page(report(*some))) for some in (cells[:1], cells))

    assert one < 330_000
    assert (many - one) / 20 < 4_000


def test_links_lead_to_places_on_the_page() -> None:
    """Also those of a report without stages."""
    for of in (two_backbones(), quoted_report(quoted()), report()):
        text = page(of)
        anchors = set(re.findall(r'href="#([^"]+)"', text))

        assert anchors <= set(re.findall(r' id="([^"]+)"', text))


def test_the_page_opens_on_the_fastest_backend() -> None:
    """Its answer and its stages are the ones that are selected."""
    found = parsed(two_backbones())
    chosen = [each for each in found.all("option") if "selected" in each]

    assert [each["value"] for each in chosen] == ["1", "1"]


PAIR = PicturedPair(kind="borderline", cosine=0.625, same=True, left=b"one", right=b"other")


def evaluation_page(found: Evaluation, *pairs: PicturedPair) -> str:
    return render(evaluation_content(found, pairs), "html", Screen(width=100))


def joined_page(criteria: SelectionCriteria | None = None) -> str:
    found = evaluation()
    good, good_ort, bad, _ = found.cells
    cells = timed(good, 20), timed(good_ort, 5), timed(bad, 1)
    content = report_content([report(*cells)], DEFAULT_RANGES, criteria=criteria, evaluation=found)
    return render(content, "html", Screen(width=100))


@cache
def over_time(name: str = "b") -> History:
    """Return 15 reports; on the 11th ONNX Runtime gets slower, and the named model besides."""

    def factor(number: int, model: str, backend: str) -> float:
        late = number >= 10
        return (1.1 if late and backend == "ort" else 1) * (1.1 if late and model == name else 1)

    return history(
        stored([day(place, factor, models=(name, "c", "d", "e")) for place in range(15)])
    )


def history_page(found: History) -> str:
    return render(history_content(found), "html", Screen(width=100))


@pytest.mark.parametrize(
    "text",
    [evaluation_page(evaluation(), PAIR), joined_page(), history_page(over_time())],
)
def test_a_page_of_another_kind_is_whole_and_asks_for_nothing(text: str) -> None:
    """Every element is closed, ids are there once, and addresses are data or on the page."""
    found = Parsed(text)
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    addresses = [
        attributes[name] or ""
        for _, attributes in found.elements
        for name in ("src", "href")
        if name in attributes
    ]

    assert found.open == []
    assert len(ids) == len(set(ids))
    assert all(each.startswith(("#", "data:")) for each in addresses)
    assert {each[1:] for each in addresses if each.startswith("#")} <= set(ids)
    assert not [attributes for _, attributes in found.elements if "style" in attributes]
    assert "img-src data:; base-uri" in text


def test_the_page_of_an_evaluation_has_its_tables_and_sentences() -> None:
    """Those of the terminal."""
    text = " ".join(" ".join(Parsed(evaluation_page(evaluation())).text).split())

    for part in (
        "Who finds what belongs together",
        "82.5 (79.4 to 85.6)",
        "Best by mAP@R: goodnet:V1 on torch cpu",
        "✗ resnet18:V1 on torch cpu: parity",
    ):
        assert part in text


def test_pairs_of_pictures_are_embedded_by_their_kind() -> None:
    """With the cosine and what is right; without pairs there is no section of them."""
    found = Parsed(evaluation_page(evaluation(), PAIR))
    text = " ".join(" ".join(found.text).split())

    assert [each["src"] for each in found.all("img")] == [
        "data:image/jpeg;base64,b25l",
        "data:image/jpeg;base64,b3RoZXI=",
    ]
    assert "Nearest to the threshold" in text
    assert "0.625, belong together" in text
    assert "As goodnet:V1 on torch cpu sees them" in text
    assert "Pairs of pictures" not in evaluation_page(evaluation())


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_from_an_evaluation_is_text(attack: str) -> None:
    """A model, a note, a reason or a machine has any name."""
    honest, hostile = (Parsed(evaluation_page(_evaluated(name))) for name in ("somebody", attack))

    assert hostile.count() == honest.count()
    assert hostile.contents["script"] == honest.contents["script"]


def _evaluated(name: str) -> Evaluation:
    found = evaluation()
    good, *_, failure = found.cells
    own = msgspec.structs.replace(good.identity, model=name, weights=name, backend=name)
    return msgspec.structs.replace(
        found,
        created=name,
        notes=(name,),
        cells=(
            msgspec.structs.replace(good, identity=own),
            msgspec.structs.replace(failure, stage=name, reason=name),
        ),
        environment=msgspec.structs.replace(found.environment, cpu=name, libraries={name: name}),
    )


def test_the_page_of_both_has_one_answer_and_its_limits() -> None:
    """The published accuracy has no input there, and each row says what decides on it."""
    limits = Limits(max_latency_ns=10 * MS, min_recall=0.7)
    found = Parsed(joined_page(SelectionCriteria(limits=limits)))
    text = " ".join(" ".join(found.text).split())
    rows = [each for each in found.all("tr") if "data-behind" in each]
    values = {
        each["data-role"]: each.get("value") for each in found.all("input") if "data-role" in each
    }

    assert "Take goodnet:V1 on ort cpu (5.0" in text
    assert "Recall@1 at least" in text
    assert "acc1 at least" not in text
    assert values == {"max-latency": "10", "min-accuracy": "70"}
    assert [each["data-behind"] for each in rows] == [
        "0.375 0.3125 0.4375",
        "0.03125 -0.0625 0.125",
        "0.0 0.0 0.0",
    ]
    assert [each["data-accuracy"] for each in rows] == ["41.875", "76.25", "79.375"]
    assert ["hidden" in each for each in rows] == [True, False, True]
    assert "Who finds what belongs together" in text


def test_each_cell_of_a_history_has_a_line_with_its_changes() -> None:
    """Those that changed come first; a change of the target is on the lines of all its cells."""
    found = Parsed(history_page(over_time()))
    lines = [each.get("points") or "" for each in found.all("polyline")]
    labels = [each.get("aria-label") or "" for each in found.all("svg")]
    marks = found.all("line")

    assert len(lines) == len(labels) == 8
    assert {label.split(",")[0] for label in labels[:2]} == {"b:V1 on torch cpu", "b:V1 on ort cpu"}
    assert Counter(each["class"] for each in marks) == {"cell": 2, "target": 4}
    assert {each["x1"] for each in marks} == {f"{10 / 14 * WIDTH:.1f}"}
    for line in lines:
        points = [tuple(map(float, point.split(","))) for point in line.split()]
        assert [x for x, _ in points] == [round(place / 14 * WIDTH, 1) for place in range(15)]
        assert all(0 <= y <= HEIGHT for _, y in points)
    slower = [float(point.split(",")[1]) for point in lines[0].split()]
    assert max(slower[10:]) < min(slower[:10]), "a longer time is further up"


def test_a_long_history_draws_what_one_can_look_at() -> None:
    """Neighbours share a point, and no line for cells without a change beyond a number."""
    few = over_time()
    cell = few.lines[-1]
    many = (msgspec.structs.replace(cell, reports=(*range(900),), ns=cell.ns * 60),) * MOST_LINES
    long = msgspec.structs.replace(few, reports=few.reports * 60, lines=(*few.lines, *many))
    drawn = [(each["points"] or "").split() for each in Parsed(history_page(long)).all("polyline")]

    assert "8 cells without a change are left out" in history_page(long)
    assert len(drawn) == MOST_LINES
    assert {len(points) for points in drawn} == {15, MOST_POINTS}


def test_a_history_of_one_report_has_a_dot_for_each_cell() -> None:
    """A line needs two points to be seen."""
    found = Parsed(history_page(history(stored([day(0)]))))

    assert all(len((each["points"] or "").split()) == 2 for each in found.all("polyline"))
    assert len(found.all("polyline")) == 8


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_from_a_history_is_text(attack: str) -> None:
    """A model, a report's file, a commit or a moment has any name."""

    def named(name: str) -> History:
        found = over_time(name)
        reports = [
            msgspec.structs.replace(each, name=name, created=name, commit=name)
            for each in found.reports
        ]
        return msgspec.structs.replace(found, reports=tuple(reports))

    honest, hostile = (Parsed(history_page(named(name))) for name in ("somebody", attack))

    assert hostile.count() == honest.count()
    assert hostile.contents["script"] == honest.contents["script"]

"""The page in a browser: it draws, sorts, filters, can be used by keyboard, and asks for nothing.

Needs Chromium and playwright; ``make test-html`` demands them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.report.content import Screen, render
from simx.report.contents import report_content
from simx.results.schema.report import MeasuredCell, Report
from simx.results.summaries.selection_criteria import Limits, SelectionCriteria
from tests.report.formats.page.browser import Watched, chromium
from tests.report.samples import HOSTILE
from tests.results.builders import MS, failed, identity, measured, quoted, quoted_report, report

ATTACK = "</script><script>document.title='taken'</script>\"'><img src=x onerror=alert(1)>=cmd()"

WIDTHS = (1280, 360)
THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


def cell(model: str, milliseconds: float, gflops: float, acc1: float, backend: str) -> MeasuredCell:
    made = measured(identity(model, backend=backend), milliseconds=milliseconds, gflops=gflops)
    family = model.rstrip("0123456789")
    return msgspec.structs.replace(
        made, catalogue=msgspec.structs.replace(made.catalogue, acc1=acc1, family=family)
    )


def sample() -> Report:
    """Return three backbones of two ranges on two backends, and one that failed on one of them."""
    return report(
        cell("resnet18", 50, 1.81, 69.8, "torch"),
        cell("resnet18", 25, 1.81, 69.8, "ort"),
        cell("alexnet", 11, 0.71, 56.5, "torch"),
        cell("alexnet", 7, 0.71, 56.5, "ort"),
        cell("resnet101", 150, 7.8, 77.4, "torch"),
        failed(identity("resnet101", backend="ort"), reason="out of memory"),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


def written(folder: Path, name: str, *reports: Report) -> Path:
    path = folder / f"{name}.html"
    content = report_content(reports, DEFAULT_RANGES)
    path.write_text(render(content, "html", Screen(width=100)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def path(folder: Path) -> Path:
    return written(folder, "sample", sample())


@pytest.fixture
def opened(browser: Any, path: Path) -> Iterator[Watched]:
    with Watched(browser, path) as watched:
        yield watched
        assert watched.complaints == []
        assert watched.requests == [path.as_uri()]


def names(opened: Watched, view: int = 0) -> list[str]:
    """Return the models of the rows that are to be seen, with their backends."""
    found = opened.js(
        """(view) => [...document.querySelectorAll(`[data-view="${view}"] tbody tr`)]
            .filter((row) => !row.hidden)
            .map((row) => row.cells[0].firstChild.textContent + " " + row.cells[1].textContent)""",
        view,
    )
    assert isinstance(found, list)
    return found


def heading(opened: Watched, text: str) -> Any:
    return opened.page.locator('[data-view="0"] thead th', has_text=text)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_without_a_word_or_a_request(
    browser: Any, path: Path, width: int, theme: str
) -> None:
    """No error, no warning, nothing from outside, and nothing wider than the window."""
    with Watched(browser, path, width=width, theme=theme) as opened:
        opened.page.wait_for_timeout(200)

        assert opened.complaints == []
        assert opened.requests == [path.as_uri()]
        assert opened.js("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", THEMES)
def test_every_chart_is_drawn(browser: Any, path: Path, theme: str) -> None:
    """Each canvas has pixels of more than two colours."""
    with Watched(browser, path, theme=theme) as opened:
        counts = opened.js(
            """[...document.querySelectorAll("figure canvas")].map((canvas) => {
              const { data } = canvas.getContext("2d")
                .getImageData(0, 0, canvas.width, canvas.height);
              const seen = new Set();
              for (let i = 0; i < data.length; i += 4) {
                if (data[i + 3] === 255) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
              }
              return seen.size;
            })"""
        )

        assert len(counts) == 4
        assert min(counts) > 2


def test_a_heading_sorts_by_figures(opened: Watched) -> None:
    """Up, then down; what has no figure is last either way, and the heading says how it is."""
    ascending = [
        "alexnet:V1 ort cpu",
        "alexnet:V1 torch cpu",
        "resnet18:V1 ort cpu",
        "resnet18:V1 torch cpu",
        "resnet101:V1 torch cpu",
    ]
    missing = "resnet101:V1 ort cpu"
    heading(opened, "time").locator("button").click()

    assert names(opened) == [*ascending, missing]
    assert heading(opened, "time").get_attribute("aria-sort") == "ascending"

    heading(opened, "time").locator("button").click()

    assert names(opened) == [*reversed(ascending), missing]
    assert heading(opened, "time").get_attribute("aria-sort") == "descending"
    assert opened.page.locator('[data-view="0"] [aria-sort]:not([aria-sort="none"])').count() == 1


def test_a_heading_sorts_by_names(opened: Watched) -> None:
    """Numbers in names count as numbers: resnet18 stands before resnet101."""
    heading(opened, "model").locator("button").click()

    assert [name.split(":")[0] for name in names(opened)][::2] == [
        "alexnet",
        "resnet18",
        "resnet101",
    ]


@pytest.mark.parametrize(
    ("field", "choice", "left"),
    [
        ("range", "7-8", ["resnet101:V1 torch cpu", "resnet101:V1 ort cpu"]),
        (
            "target",
            "ort cpu",
            ["alexnet:V1 ort cpu", "resnet18:V1 ort cpu", "resnet101:V1 ort cpu"],
        ),
        ("family", "alexnet", ["alexnet:V1 torch cpu", "alexnet:V1 ort cpu"]),
    ],
)
def test_a_choice_filters_tables_and_charts(
    opened: Watched, field: str, choice: str, left: list[str]
) -> None:
    """By range, backend and family; the charts' descriptions and the count say so."""
    opened.page.locator(f".filters [name={field}]").select_option(label=choice)

    assert names(opened) == left
    assert names(opened, view=2) == left
    assert opened.page.locator(".filters output").inner_text() == f"{len(left)} of 6 cells"
    drawn = sum("101:V1 ort" not in name for name in left)
    described = opened.page.locator("[data-chart=accuracy] .description").inner_text()
    assert described.startswith(f"{drawn} marks, from ")


def test_typing_filters_by_name_and_reset_takes_it_back(opened: Watched) -> None:
    """Any part of a name, in either case."""
    opened.page.get_by_label("Model").fill("NET10")

    assert names(opened) == ["resnet101:V1 torch cpu", "resnet101:V1 ort cpu"]

    opened.page.get_by_label("Model").fill("nothing like it")

    assert names(opened) == []
    assert opened.page.locator("[data-chart=size] .description").inner_text() == (
        "Nothing to show here."
    )

    opened.page.get_by_role("button", name="Reset").click()
    opened.page.wait_for_function("document.querySelector('output').textContent[0] === '6'")

    assert len(names(opened)) == 6


def test_one_view_is_shown_at_a_time(opened: Watched) -> None:
    """The others wait until they are chosen."""
    visible = "[...document.querySelectorAll('[data-view]')].map((view) => !view.hidden)"

    assert opened.js(visible) == [True, False, False, False, False]

    opened.page.get_by_role("radio", name="Stages").check()

    assert opened.js(visible) == [False, False, False, True, False]


def test_a_decision_is_shown_for_the_backend_chosen(opened: Watched) -> None:
    """The fastest one to begin with."""
    answers = opened.page.locator(".answer:visible")

    assert "on ort cpu" in answers.inner_text()

    opened.page.locator("[data-role=choice]").select_option(label="torch cpu")

    assert "on torch cpu" in answers.inner_text()


def front(opened: Watched) -> list[str]:
    """Return the models of the decision's rows that are to be seen."""
    rows = opened.page.locator("[data-choice]:visible tbody tr:visible th")
    return [name.split(":")[0] for name in rows.all_inner_texts()]


def test_limits_name_one_to_take(opened: Watched) -> None:
    """As on the command line; without limits everything is as it was."""
    opened.page.locator("[data-role=choice]").select_option(label="torch cpu")
    answer = opened.page.locator(".answer:visible")
    unlimited = answer.inner_text()

    assert front(opened) == ["alexnet", "resnet18", "resnet101"]

    opened.page.get_by_label("latency at most").fill("60")

    assert front(opened) == ["resnet18", "alexnet"]
    assert answer.inner_text().startswith("Take resnet18:V1: of the 2 unbeaten ones")

    opened.page.get_by_label("acc1 at least").fill("75")

    assert front(opened) == []
    assert answer.inner_text() == "None of these is known to keep that."

    opened.page.get_by_label("latency at most").fill("")

    assert front(opened) == ["resnet101"]
    assert answer.inner_text().startswith("Take resnet101:V1: nothing else")

    opened.page.get_by_label("acc1 at least").fill("")

    assert front(opened) == ["alexnet", "resnet18", "resnet101"]
    assert answer.inner_text() == unlimited


def test_limits_that_were_given_are_kept_from_the_start(browser: Any, folder: Path) -> None:
    """The fields hold them, the rows keep them, and the answer is the command line's."""
    path = folder / "limited.html"
    criteria = SelectionCriteria(limits=Limits(max_latency_ns=60 * MS))
    content = report_content([sample()], DEFAULT_RANGES, criteria=criteria)
    path.write_text(render(content, "html", Screen(width=100)), encoding="utf-8")
    with Watched(browser, path) as opened:
        opened.page.locator("[data-role=choice]").select_option(label="torch cpu")

        assert opened.page.get_by_label("latency at most").input_value() == "60"
        assert front(opened) == ["resnet18", "alexnet"]
        assert "that keep 60 ms, it is the most accurate." in (
            opened.page.locator(".answer:visible").inner_text()
        )


@pytest.mark.parametrize("chart", ["accuracy", "size", "stages", "raw"])
def test_every_chart_has_its_data_in_words_and_as_a_table(opened: Watched, chart: str) -> None:
    """Whoever does not see it learns the same: a name, a description, and all of its figures."""
    figure = opened.page.locator(f"[data-chart={chart}]")
    canvas = figure.locator("canvas")
    described = opened.page.locator(f"#{canvas.get_attribute('aria-describedby')}")
    figure.locator("summary").click()
    figure.locator("table").wait_for()

    assert opened.page.locator(f"#{canvas.get_attribute('aria-labelledby')}").inner_text()
    assert "Nothing to show" not in described.inner_text()
    assert figure.locator("table tbody tr").count() == {"stages": 2}.get(chart, 5)
    assert figure.locator("table th[scope=col]").count() >= 5
    assert "\N{EN DASH}" not in figure.locator("table tbody").inner_text()


def test_the_table_follows_the_filter(opened: Watched) -> None:
    """An open table of a chart's data shows what the chart shows."""
    figure = opened.page.locator("[data-chart=accuracy]")
    figure.locator("summary").click()
    figure.locator("table").wait_for()
    opened.page.locator(".filters [name=target]").select_option(label="ort cpu")

    assert figure.locator("table tbody tr").count() == 2


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        ("accuracy", "alexnet:V1 on ort cpu: 7 ms (95 %: "),
        ("size", "alexnet:V1 on torch cpu: 11 ms"),
        ("stages", "alexnet:V1: decode 1.5, preprocess 3, forward 7: together 11.5 ms"),
        ("raw", "all launches: 11 ms (95 %: "),
    ],
)
def test_arrow_keys_go_from_mark_to_mark(opened: Watched, chart: str, said: str) -> None:
    """What is reached is read out below the chart, and its tooltip opens."""
    canvas = opened.page.locator(f"[data-chart={chart}] canvas")
    readout = opened.page.locator(f"[data-chart={chart}] .readout")
    canvas.focus()
    opened.page.keyboard.press("ArrowRight")
    first = readout.inner_text()
    opened.page.keyboard.press("End")

    assert first.startswith(said)
    assert readout.get_attribute("aria-live") == "polite"
    assert readout.inner_text() != first

    opened.page.keyboard.press("Escape")

    assert readout.inner_text() == ""


def test_pointing_at_a_mark_opens_its_tooltip(opened: Watched) -> None:
    """The chart's own tooltip, with the model's name in it."""
    place = opened.js(
        """() => {
          const canvas = document.querySelector("[data-chart=accuracy] canvas");
          const chart = Chart.getChart(canvas);
          const { x, y } = chart.getDatasetMeta(1).data[0];
          const box = canvas.getBoundingClientRect();
          scrollBy(0, box.top - 100);
          return [x + box.left, y + 100];
        }"""
    )
    opened.page.mouse.move(*place)
    opened.page.wait_for_timeout(100)
    lines = opened.js(
        """() => {
          const { title, body, opacity } = Chart.getChart(
            document.querySelector("[data-chart=accuracy] canvas")).tooltip;
          return [opacity, ...title, ...body.flatMap((part) => part.lines)];
        }"""
    )

    assert lines[0] == 1
    assert lines[1].endswith("on ort cpu")
    assert "acc1" in " ".join(lines[2:])


FOCUSED = """() => {
  const { activeElement } = document;
  return [activeElement.tagName, activeElement.getBoundingClientRect().width];
}"""


def test_everything_can_be_reached_by_tab(opened: Watched) -> None:
    """Links, fields, headings that sort, scrolling regions and charts, in the page's order."""
    reached = []
    for _ in range(120):
        opened.page.keyboard.press("Tab")
        reached.append(opened.js(FOCUSED))
        if reached[-1][0] == "BODY":
            break
    tags = [tag for tag, _ in reached]

    assert reached[-1][0] == "BODY"
    assert all(width > 0 for _, width in reached[:-1])
    for tag in ("A", "SELECT", "INPUT", "BUTTON", "CANVAS", "SUMMARY", "DIV"):
        assert tag in tags
    assert tags.count("CANVAS") == 4


def test_the_enter_key_sorts(opened: Watched) -> None:
    """A heading is a button."""
    heading(opened, "acc1").locator("button").focus()
    opened.page.keyboard.press("Enter")

    assert names(opened)[0].startswith("alexnet")
    assert heading(opened, "acc1").get_attribute("aria-sort") == "ascending"


def test_headings_follow_each_other(opened: Watched) -> None:
    """No level is left out, so that a screen reader's list of headings is a table of contents."""
    levels = opened.js(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map((found) => +found.tagName[1])"
    )

    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert opened.page.get_by_role("main").count() == 1
    assert opened.page.get_by_role("search").count() == 1
    assert opened.page.get_by_role("img").count() == 4


CONTRASTS = """() => {
  const channels = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    const scale = colour.startsWith("color(") ? 255 : 1;
    return [r * scale, g * scale, b * scale, a];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found[3] === 1) return found;
    }
    return [255, 255, 255, 1];
  };
  const poor = [];
  for (const part of document.querySelectorAll(".needs-script, [data-view]")) part.hidden = false;
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName)) continue;
    const [one, other] = [channels(getComputedStyle(element).color), ground(element)]
      .map(luminance).sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) poor.push(`${element.tagName} ${element.textContent.slice(0, 20)} ${ratio}`);
  }
  return poor;
}"""


COLOURS = """() => {
  const probe = document.body.appendChild(document.createElement("span"));
  const names = ["surface", ...[1, 2, 3, 4, 5, 6].map((place) => `series-${place}`),
    ...[1, 2, 3].map((place) => `stage-${place}`)];
  return names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color.match(/\\d+/g).map(Number);
  });
}"""


def luminance(colour: Sequence[float]) -> float:
    """Return WCAG's relative luminance of an sRGB colour in 0 to 255."""
    shares = [value / 255 for value in colour]
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", THEMES)
def test_marks_stand_out_in_both_themes(browser: Any, path: Path, theme: str) -> None:
    """What is drawn has a contrast of at least 3 to the ground, dots that shine through too."""
    with Watched(browser, path, theme=theme) as opened:
        surface, *marks = opened.js(COLOURS)
    dots = [
        [0.7 * own + 0.3 * under for own, under in zip(mark, surface, strict=True)]
        for mark in marks[:6]
    ]
    ratios = [
        max(pair) / min(pair)
        for mark in (*marks, *dots)
        for pair in [(luminance(mark) + 0.05, luminance(surface) + 0.05)]
    ]

    assert min(ratios) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_in_both_themes(browser: Any, path: Path, theme: str) -> None:
    """Every text has a contrast of at least 4.5 to what is behind it (WCAG 2.2, AA)."""
    with Watched(browser, path, theme=theme) as opened:
        assert opened.js(CONTRASTS) == []


def test_the_theme_can_be_chosen(opened: Watched) -> None:
    """Whatever the system says; the charts' colours go along."""
    ground = "getComputedStyle(document.body).backgroundColor"
    mark = (
        "Chart.getChart(document.querySelector('[data-chart=size] canvas'))"
        ".data.datasets[0].borderColor"
    )
    light = opened.js(f"[{ground}, {mark}]")
    opened.page.get_by_label("Theme").select_option("dark")
    dark = opened.js(f"[{ground}, {mark}]")
    opened.page.emulate_media(color_scheme="dark")
    opened.page.get_by_label("Theme").select_option("auto")

    assert light[0] != dark[0]
    assert light[1] != dark[1]
    assert opened.js(f"[{ground}, {mark}]") == dark


def test_names_from_elsewhere_do_nothing(browser: Any, folder: Path) -> None:
    """They stand in tables, options and charts as they are written, and run nowhere."""
    hostile = report(
        measured(identity(ATTACK, ATTACK)),
        measured(identity(HOSTILE, backend=ATTACK)),
        failed(identity("broken"), reason=ATTACK),
        notes=[ATTACK],
    )
    path = written(folder, "hostile", hostile)
    with Watched(browser, path) as opened:
        for details in opened.page.locator("details:visible > summary").all():
            details.click()
        opened.page.locator("[data-chart=accuracy] canvas").focus()
        opened.page.keyboard.press("ArrowRight")

        assert opened.complaints == []
        assert opened.requests == [path.as_uri()]
        assert opened.page.title().startswith("simx report")
        assert opened.page.locator("img, main b, iframe, object").count() == 0
        assert opened.page.locator("script").count() == 2
        assert any(ATTACK in name for name in names(opened))
        assert ATTACK in opened.page.locator("[data-chart=accuracy] table").inner_text()


def test_what_is_added_to_the_page_does_not_run(browser: Any, path: Path) -> None:
    """The policy holds even where something had become markup."""
    with Watched(browser, path) as opened:
        opened.js(
            """() => {
              const script = document.createElement("script");
              script.textContent = "document.title = 'taken'";
              document.body.append(script);
              const image = new Image();
              image.src = "https://example.invalid/x.png";
              document.body.append(image);
              document.body.insertAdjacentHTML("beforeend", "<p onclick='1' style='top:0'>x</p>");
            }"""
        )
        opened.page.wait_for_timeout(100)

        assert opened.page.title().startswith("simx report")
        assert len(opened.complaints) >= 3
        assert all("Content Security Policy" in complaint for complaint in opened.complaints)


def test_without_scripts_every_table_is_there(browser: Any, path: Path) -> None:
    """What cannot work is not shown, and what can is."""
    with Watched(browser, path, scripts=False) as opened:
        assert opened.page.locator("[data-view]:visible").count() == 5
        assert opened.page.locator(".filters:visible, .charts:visible, canvas:visible").count() == 0
        assert "need JavaScript" in opened.page.locator("noscript p:visible").inner_text()


@pytest.mark.parametrize(
    "reports",
    [(report(),), (quoted_report(quoted()),), (report(failed(identity())),), (sample(), sample())],
    ids=["empty", "quoted", "failed", "two"],
)
def test_reports_of_every_kind_come_to_life(
    browser: Any, folder: Path, reports: tuple[Report, ...]
) -> None:
    """Nothing to draw is no error, and two reports do not disturb each other."""
    path = written(folder, "kind", *reports)
    with Watched(browser, path, width=360) as opened:
        opened.page.wait_for_timeout(100)

        assert opened.complaints == []
        assert opened.js("document.documentElement.scrollWidth") <= 360
        if len(reports) > 1:
            opened.page.locator(".filters [name=family]").first.select_option(label="alexnet")
            counts = opened.page.locator(".filters output").all_inner_texts()
            assert counts == ["2 of 6 cells", "6 of 6 cells"]

"""Kinds of nodes: what each measured is a report, with costs, and kinds are compared unpaired."""

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.report.contents import report_content
from simx.report.formats.csv import tidy_rows
from simx.results.comparison.compare import ComparisonCriteria, compare_between
from simx.results.comparison.digest import digest
from simx.results.files.validation import first_problem
from simx.results.schema.report import Kind, MeasuredCell, Node, Price, ReferenceTimes, Report, Stop
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.kinds import across, allowance, cost, parts
from tests.results.builders import around, identity, measured, report

PRICES = {"big": 4.0, "small": 1.0}
MILLISECONDS = {"big": 10.0, "small": 20.0}
"""Of torch; ORT takes half of that."""


def cell(kind: str, backend: str, milliseconds: float) -> MeasuredCell:
    its = msgspec.structs.replace(identity(backend=backend), kind=kind)
    return measured(its, milliseconds=milliseconds)


def of_kinds() -> Report:
    """Return a report of two kinds, of which the first has two nodes that differ by 4 %."""
    made = report(
        *(cell(kind, "torch", ms) for kind, ms in MILLISECONDS.items()),
        *(cell(kind, "ort", ms / 2) for kind, ms in MILLISECONDS.items()),
        notes=("noted",),
    )
    assert made.environment is not None
    assert made.config is not None
    kinds = tuple(
        Kind(
            name=name,
            environment=msgspec.structs.replace(made.environment, cpu=f"{name} CPU"),
            threads=2,
            price=Price(amount=price, currency="EUR"),
        )
        for name, price in PRICES.items()
    )
    stops = tuple(
        Stop(
            model="resnet18",
            weights="IMAGENET1K_V1",
            launches=5,
            needed=None,
            ended_by="launches",
            seconds=1.0,
            node=node,
            kind=kind,
        )
        for node, kind in ((3, "big"), (2, "small"))
    )
    big = (
        Node(kind="big", reference=(ReferenceTimes(identity=identity(), launches=around(ms)),))
        for ms in (50, 52)
    )
    one, other = big
    return msgspec.structs.replace(
        made,
        config=msgspec.structs.replace(made.config, per="kind"),
        environment=kinds[0].environment,
        kinds=kinds,
        stops=stops,
        nodes=(one, Node(kind="small"), other),
    )


def test_each_part_is_a_sound_report() -> None:
    """It has what its kind measured alone, on its nodes, with its environment."""
    whole = of_kinds()
    big, small = parts(whole)

    assert [first_problem(each) for each in (whole, big, small)] == [None, None, None]
    assert [len(each.cells) for each in (big, small)] == [2, 2]
    assert small.environment is not None
    assert small.environment.cpu == "small CPU"
    assert ([stop.node for stop in big.stops], [stop.node for stop in small.stops]) == ([2], [1])
    assert (len(big.nodes), len(small.nodes)) == (2, 1)
    assert (big.notes, small.notes) == (("noted",), ())
    assert parts(report()) == (report(),)


def test_a_kind_that_is_not_there_is_no_sound_report() -> None:
    """A cell names one of the report's kinds, or none where there are none."""
    whole = of_kinds()

    assert "identity.kind" in str(first_problem(msgspec.structs.replace(whole, kinds=())))
    assert "identity.kind" in str(first_problem(report(cell("big", "ort", 5))))


def test_cost_of_a_million_pictures() -> None:
    """10 ms a picture are 10,000 s for a million: 2.78 hours."""
    time = Estimate(median_ns=10e6, low_ns=9e6, high_ns=11e6)
    found = cost(time, 1, Price(amount=3.6, currency="USD"))

    assert (found.median_ns, found.low_ns, found.high_ns) == pytest.approx((10, 9, 11))
    assert cost(time, 4, Price(amount=3.6, currency="USD")).median_ns == pytest.approx(2.5)


def test_the_fastest_kind_need_not_be_the_cheapest() -> None:
    """The big one is twice as fast and costs four times as much."""
    reports = parts(of_kinds())
    (row,) = across(reports, allowance(reports))

    assert [(kind, target.backend) for kind, target in row.fastest] == [("big", "ort")]
    assert [(kind, target.backend) for kind, target in row.cheapest] == [("small", "ort")]


def test_kinds_differ_by_more_than_their_nodes() -> None:
    """Two nodes of a kind that differ by 4 % are allowed for; nothing is known of a single one."""
    assert allowance(parts(of_kinds())) == pytest.approx(0.04)
    assert {len(each.fastest) for each in across(parts(of_kinds()), 4.0)} == {4}


def test_every_format_has_costs() -> None:
    """Tables have a column for each kind and target, and rows of CSV name their kind."""
    whole = of_kinds()
    content = report_content([whole], DEFAULT_RANGES)
    rows = [row for row in tidy_rows([whole]) if row.scope == "cost_per_million_pictures"]
    costs = {(row.kind, row.backend): row.median for row in rows}

    assert costs["small", "ort"] == pytest.approx(1e6 * 0.010 / 3600, rel=0.01)
    assert costs["big", "torch"] == pytest.approx(4e6 * 0.010 / 3600, rel=0.01)
    assert [row.unit for row in rows] == ["EUR"] * 4
    assert content.html is not None
    assert "big CPU" in content.html()


def test_two_kinds_are_compared_unpaired() -> None:
    """With the spread between runs, which two targets of one kind do not need."""
    criteria = ComparisonCriteria(threshold=0.03, ranges=DEFAULT_RANGES)
    kinds = compare_between(digest(of_kinds()), "big", "small", criteria)
    targets = compare_between(digest(of_kinds()), "torch", "ort", criteria)
    by_backend = {each.new.backend: each for of in kinds.ranges for each in of.cells}
    widths = [
        each.changes[0].high / each.changes[0].low
        for of in (kinds.ranges, targets.ranges)
        for each in of[0].cells
        if each.changes[0].high and each.changes[0].low
    ]

    assert (kinds.paired, kinds.one_run, targets.paired) == (False, False, True)
    assert by_backend["torch"].changes[0].ratio == pytest.approx(2.0)
    assert (kinds.judged, targets.judged) == (2, 2)
    assert min(widths[:2]) > max(widths[2:])

"""The tables of every figure: each figure once, and every row by itself."""

import msgspec

from simx.report.blocks.quantities import quantities
from simx.report.blocks.report_tables import VIEWS, views
from simx.report.words.values import ABSENT
from simx.results.schema.report import Report
from simx.results.schema.times import Noise, Timing
from simx.results.summaries.derivation import backbones, targets
from tests.report.samples import two_backbones
from tests.results.builders import launches, measured, report, with_noise


def tables(of: Report) -> dict[str, list[list[str]]]:
    """Return the rows of each view as text, keys first."""
    return {
        view.title: [[value.text for value in row.values] for row in view.rows]
        for view in views(backbones(of), targets(of))
    }


def test_every_column_is_in_one_view() -> None:
    """Nothing that was measured is missing, and nothing is there twice."""
    of = report(measured())
    (backbone,) = backbones(of)
    everything = [
        quantity.column
        for quantity in quantities("torch cpu")
        if not quantity.optional or quantity.show(backbone, backbone.cells[0]) != ABSENT
    ]
    found = views([backbone], targets(of))
    shown = [column for view in found for column in view.columns[view.keys :]]

    assert sorted(map(repr, shown)) == sorted(map(repr, everything))
    assert {name for name, _ in VIEWS} >= {view.title for view in found}


def test_a_row_needs_no_other_one() -> None:
    """A backbone's own figures stand in the rows of its further backends too, failed ones also."""
    rows = tables(two_backbones())["Latency"]

    assert [row[:2] for row in rows] == [
        ["resnet18:V1", "torch cpu"],
        ["resnet18:V1", "ort cpu"],
        ["vgg11:V1", "torch cpu"],
        ["vgg11:V1", "ort cpu"],
    ]
    assert rows[0][-3:] == rows[1][-3:] == ["1.81", "69.76", "89.08"]
    assert rows[3][2] == "✗"


def test_views_have_the_same_rows() -> None:
    """A row's place says which cell it is, in every view."""
    keys = {name: [row[:2] for row in rows] for name, rows in tables(two_backbones()).items()}

    assert len({str(rows) for rows in keys.values()}) == 1


def test_energy_is_a_detail() -> None:
    """With its interval over launches; a report of a machine that does not tell has no column."""
    taken = tuple(
        msgspec.structs.replace(
            with_noise(launch, Noise(wall_ns=10**9, energy_uj=of)), idle_watts=1
        )
        for launch, of in zip(launches([[10**9]], [[10**9]]), (3_000_000, 3_100_000), strict=True)
    )
    cell = measured(of=(Timing(scope="forward", image=None, launches=taken),))
    told, untold = (
        views(backbones(of), targets(of), detail=True)[0]
        for of in (report(cell), report(measured()))
    )
    labels = [column.label for column in told.columns]

    assert told.rows[0].values[labels.index("energy, J a picture")].text == "1.5 to 2.8"
    assert "energy, J a picture" not in [column.label for column in untold.columns]


def test_page_faults_of_a_call_are_a_detail() -> None:
    """They show what the allocator does; a report without the figure has no such column."""
    taken = launches([[5_000_000] * 2], [[5_000_000] * 2], calls=5)
    noisy = tuple(with_noise(launch, Noise(page_faults=26_140)) for launch in taken)
    timing = Timing(scope="forward", image=None, launches=noisy)
    with_faults, without = (
        views(backbones(of), targets(of), detail=True)[0]
        for of in (report(measured(of=(timing,))), report(measured()))
    )
    labels = [column.label for column in with_faults.columns]

    assert with_faults.rows[0].values[labels.index("page faults, a call")].text == "2614"
    assert "page faults, a call" not in [column.label for column in without.columns]

"""The table of a load, the notes on its percentiles, and what instances bring."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from simx.models.ranges import DEFAULT_RANGES
from simx.report.blocks.document import Table
from simx.report.blocks.report import report_blocks
from simx.report.words.findings import sentences
from simx.report.words.names import TIMES
from simx.report.words.notes import mark_notes
from simx.results.schema.report import Cell, Report
from simx.results.schema.times import Block, Launch, Noise, Timing
from simx.results.summaries.decision import decide
from simx.results.summaries.derivation import backbones, by_range, targets
from simx.results.summaries.selection_criteria import SelectionCriteria
from tests.report.samples import rendered
from tests.results.builders import MS, around, failed, identity, measured, report, with_noise


def load(*cells: Cell, **config: Any) -> Report:
    """Return a report of cells under a load."""
    whole = report(*cells)
    assert whole.config is not None
    return msgspec.structs.replace(whole, config=msgspec.structs.replace(whole.config, **config))


def cell(launches: Sequence[Launch], backend: str = "torch", **its: Any) -> Cell:
    forward = Timing(scope="forward", image=None, launches=tuple(launches))
    return measured(msgspec.structs.replace(identity(backend=backend), **its), of=(forward,))


def offline() -> Report:
    """Return one and two instances on two backends: the second one is faster with one alone."""
    times = {("torch", 1): 20.0, ("ort", 1): 10.0, ("torch", 2): 16.0, ("ort", 2): 10.0}
    return load(
        *(
            cell(
                around(time, spread=0.001),
                backend,
                instances=instances,
                threads=2 // instances,
                scenario="offline",
            )
            for (backend, instances), time in times.items()
        ),
        scenario="offline",
        instance_counts=(1, 2),
    )


def queries(rate: float, *, many: int = 200) -> tuple[Launch, ...]:
    """Return five launches of queries of 10 to 30 ms at a rate."""
    ns = tuple(round((10 + 20 * (at * 7919 % many) / many) * MS) for at in range(many))
    return tuple(
        Launch(index=index, blocks=(Block(round=0, calls=1, ns=ns, rate=rate),))
        for index in range(5)
    )


def tables(of: Report) -> dict[str, Table]:
    blocks = report_blocks(of, DEFAULT_RANGES, "models")
    return {block.title: block for block in blocks if isinstance(block, Table)}


def rows(table: Table) -> list[list[str]]:
    return [[value.figure for value in row.values] for row in table.rows]


def test_offline_has_pictures_per_second() -> None:
    """One row for each backend and number of instances, with the speed relative to the first."""
    found = tables(offline())

    assert "Load: offline" in found
    assert "Throughput over threads" not in found
    table = found["Load: offline"]
    assert [column.name for column in table.columns][5:] == ["pictures/s", "speed-up"]
    assert [row[1:6] for row in rows(table)] == [
        ["torch cpu", "1", "1", "2", "50.00"],
        ["ort cpu", "1", "1", "2", "100.0"],
        ["torch cpu", "1", "2", "1", "62.50"],
        ["ort cpu", "1", "2", "1", "100.0"],
    ]


def test_instances_are_compared_launch_by_launch() -> None:
    """They divide the threads, so one instance of two is beside two of one."""
    table = tables(offline())["Throughput over instances"]

    assert [column.name for column in table.columns][3:] == [
        f"1{TIMES}2",
        f"2{TIMES}1",
        f"2{TIMES}1",
    ]
    assert [row[3:] for row in rows(table)] == [
        ["50.00", "62.50", "1.250"],
        ["100.0", "100.0", "1.000"],
    ]
    (summary,) = by_range(offline(), DEFAULT_RANGES)
    assert any(
        "2 instances of 1 thread embed 1.25" in each and "as 1 instance of 2 threads" in each
        for each in sentences(summary)
    )


def test_instances_with_given_threads_are_compared_with_equal_ones() -> None:
    """Two processes of two threads are beside one of two, and not of four."""
    cells = [
        cell(around(time), instances=count, threads=2, scenario="offline")
        for count, time in ((1, 20.0), (2, 12.0))
    ]
    found = tables(load(*cells, scenario="offline", instance_counts=(1, 2), thread_counts=(2,)))

    names = [column.name for column in found["Throughput over instances"].columns]
    assert names[3:] == [f"1{TIMES}2", f"2{TIMES}2", f"2{TIMES}2"]


def test_a_query_of_several_streams_embeds_a_picture_for_each() -> None:
    """Its latency is the time of all of them."""
    one = cell(around(20.0, spread=0.001), instances=2, threads=1, scenario="multi-stream")
    table = tables(load(one, scenario="multi-stream", instance_counts=(2,)))["Load: multi-stream"]

    assert rows(table)[0][5:7] == ["100.0", "20.00"]


def test_a_server_has_percentiles_where_the_queries_carry_them() -> None:
    """At a given rate it has no throughput of its own."""
    served = load(cell(queries(20.0), scenario="server", rate=20.0), scenario="server", rate=20.0)
    table = tables(served)["Load: server, 20 queries a second"]

    assert [column.name for column in table.columns][5:] == ["median", "p90", "p95", "p99"]
    assert [float(figure) for figure in rows(table)[0][6:]] == pytest.approx(
        [28, 29, 29.8], abs=0.15
    )


def test_too_few_queries_say_how_many_are_needed() -> None:
    """The note has what they are worth."""
    few = cell(queries(20.0, many=20), scenario="server", rate=20.0)
    (summary,) = by_range(load(few, scenario="server", rate=20.0), DEFAULT_RANGES)

    (note,) = (each for each in mark_notes(summary.settings) if "p99" in each)
    assert "p99 takes 662 independent queries" in note
    assert "are worth 100" in note


def test_a_busy_machine_s_queries_are_not_said_to_be_too_few() -> None:
    """More of them would not help: the note on the busy machine says what does."""
    taken = Noise(wall_ns=100 * MS, wait_ns=90 * MS)
    busy = [with_noise(launch, taken) for launch in queries(20.0, many=20)]
    of = load(cell(busy, scenario="server", rate=20.0), scenario="server", rate=20.0)
    (summary,) = by_range(of, DEFAULT_RANGES)
    notes = mark_notes(summary.settings)

    assert not any("p99" in each for each in notes)
    assert any("the machine was busy" in each for each in notes)


def test_within_a_bound_there_is_the_largest_rate() -> None:
    """And the largest that the queries alone prove."""
    its: dict[str, Any] = {"scenario": "server", "latency_bound": 0.0285}
    launches = [
        msgspec.structs.replace(launch, blocks=(low.blocks[0], launch.blocks[0]))
        for launch, low in zip(queries(40.0), around_bound(30.0), strict=True)
    ]
    table = tables(load(cell(launches, **its), **its))[
        "Load: server, 99 % of the queries within 28.5 ms"
    ]

    ((*_, rate, proven),) = rows(table)
    assert 30 < float(rate) < 45
    assert proven == "30.0"


def around_bound(rate: float) -> tuple[Launch, ...]:
    """Return launches whose queries are all in time."""
    ns = tuple(10 * MS + at for at in range(1000))
    block = Block(round=1, calls=1, ns=ns, rate=rate)
    return tuple(Launch(index=index, blocks=(block,)) for index in range(5))


def test_a_failed_cell_is_marked_in_every_column() -> None:
    """Its reason is in the notes."""
    its = msgspec.structs.replace(identity(), scenario="offline", instances=2)
    output = rendered(
        load(
            failed(its, reason="no luck"),
            cell(around(9.0), "ort", scenario="offline", instances=2),
            scenario="offline",
            instance_counts=(2,),
        )
    )

    assert "✗" in output
    assert "no luck" in output


def test_every_format_renders_a_load() -> None:
    """Formats have no table of their own for it."""
    for form in ("table", "markdown", "csv", "json", "html"):
        assert "offline" in rendered(offline(), form=form)


def test_a_load_has_no_latency_to_choose_by() -> None:
    """The time by which a call lengthens the work of all is not that of a picture alone."""
    of = offline()
    found = decide([of], backbones(of), targets(of), SelectionCriteria(latency_of="forward"))

    assert found.contenders == ()
    assert len(found.absent) == 2


def long_run(rounds: int = 100, stolen: range = range(0)) -> Report:
    """A time that rises by a tenth and memory that grows by 40 MiB; the host took some rounds."""
    blocks = tuple(
        Block(
            round=at,
            calls=1,
            ns=(round(10 * MS * (1 + at / 10 / (rounds - 1))),),
            noise=Noise(
                wall_ns=100 * MS,
                steal_ns=50 * MS if at in stolen else 0,
                resident_bytes=200 * 2**20 + round(at * 40 * 2**20 / (rounds - 1)),
            ),
        )
        for at in range(rounds)
    )
    return load(cell([Launch(index=0, blocks=blocks)]), duration=600.0)


def test_a_long_run_has_the_changes_from_its_beginning_to_its_end() -> None:
    """Those of the time and of the memory are in a table and in words."""
    of = long_run()
    ((*_, time, _, memory, _),) = rows(tables(of)["From the beginning to the end"])

    assert float(time) == pytest.approx(9.5, abs=0.6)
    assert float(memory) == pytest.approx(39, abs=2)
    output = rendered(of)
    assert "The time of resnet18:V1 on torch cpu changed by +9." in output
    assert "The memory of resnet18:V1 on torch cpu changed by +3" in output


def test_memory_that_grows_shows_on_a_busy_machine() -> None:
    """The rounds that are left are too few for a change of the time; none is lost for memory."""
    (backbone,) = backbones(long_run(60, stolen=range(35, 60)))
    (found,) = backbone.measured

    assert found.time_trend is None
    assert found.memory_trend is not None
    assert found.memory_trend.change == pytest.approx(40 * 2**20, rel=0.06)


def test_a_usual_run_has_no_trend() -> None:
    """Its launches are too short."""
    assert "From the beginning to the end" not in tables(offline())

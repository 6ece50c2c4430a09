"""CSV: one tidy row for each cell, scope and image, safe for a spreadsheet."""

import csv
import io

import msgspec
import pytest

from simx.report.formats.comma_separated import safe
from simx.results.schema.environment import DeviceMemory, Memory
from simx.results.schema.report import Similarity
from simx.results.schema.times import Block, DeviceEvents, Launch, Noise, Timing
from tests.report.samples import HOSTILE, rendered, two_backbones
from tests.results.builders import (
    failed,
    identity,
    launches,
    measured,
    quoted,
    quoted_report,
    report,
    with_noise,
)

HEADER = (
    "model,weights,embedding,backend,provider,precision,batch,threads,status,scope,image,unit,"
    "launches,n,median,ci_low,ci_high,p90,p95,p99,min,weights_origin,weights_sha256,"
    "instances,scenario,rate,latency_bound,shared_session,kind"
)
RESNET = "resnet18,IMAGENET1K_V1,pooled,torch,CPUExecutionProvider,fp32,1,2,ok"
WEIGHTS = f"pretrained,{'0' * 64},1,single-stream,,,false,"


def test_what_a_device_adds_has_rows_of_its_own() -> None:
    """Its memory in bytes, and a call's time by its own events."""
    device = DeviceMemory(peak=734003200, by="process", allocated=None)
    events = DeviceEvents(wall_ns=(5_000_000,), device_ns=(4_900_000,))
    launch = Launch(index=0, blocks=(Block(round=0, calls=1, ns=(5_000_000,)),), events=events)
    of = msgspec.structs.replace(
        measured(of=(Timing(scope="forward", image=None, launches=(launch,)),)),
        memory=Memory(before=1, peak=2, device=device),
    )
    output = rendered(report(of), form="csv")

    assert f"{RESNET},device_events,,ms,,,4.9,,,,,,,{WEIGHTS}\n" in output
    assert f"{RESNET},device_memory,,bytes,,,734003200,,,,,,,{WEIGHTS}\n" in output


def test_the_header_and_the_rows_of_a_cell() -> None:
    """The columns are these, a time is in milliseconds, and a figure has its value in median."""
    three = launches([[2_000_000, 2_200_000]], [[2_100_000, 2_310_000]], [[2_205_000, 2_425_500]])
    timing = Timing(scope="pipeline", image="anchor", launches=three)

    lines = rendered(report(measured(of=(timing,)), failed(identity("vgg11"))), form="csv").split(
        "\n"
    )

    assert lines == [
        HEADER,
        f"{RESNET},pipeline,anchor,ms,3,6,2.205000,1.953311,2.489119,,,,2.000000,{WEIGHTS}",
        f"{RESNET},similarity_percent,positive,percent,,,84.126,,,,,,,{WEIGHTS}",
        f"{RESNET},similarity_percent,negative,percent,,,-1.8293,,,,,,,{WEIGHTS}",
        f"{RESNET},similarity_percent,negative_resized,percent,,,0.6875,,,,,,,{WEIGHTS}",
        f"{RESNET},embedding_dim,,components,,,512,,,,,,,{WEIGHTS}",
        f"{RESNET},gflops,,GMACs,,,1.81,,,,,,,{WEIGHTS}",
        f"{RESNET},acc1,,percent,,,69.758,,,,,,,{WEIGHTS}",
        f"{RESNET},acc5,,percent,,,89.078,,,,,,,{WEIGHTS}",
        f"{RESNET},parity,,cosine,,,0.99999998,,,,,,,{WEIGHTS}",
        f"{RESNET},memory,,bytes,,,167772160,,,,,,,{WEIGHTS}",
        "vgg11,IMAGENET1K_V1,pooled,torch,CPUExecutionProvider,fp32,1,2,failed,,,,,,,,,,,,,,,1,single-stream,,,false,",
        "",
    ]


def test_quoted_figures_are_as_they_were_quoted() -> None:
    """They keep their decimals, and what their source does not give has no row and no value."""
    partly = Similarity(positive=54.0608, negative=None, negative_resized=None)
    row = "resnet18,IMAGENET1K_V1,pooled,torch,CPUExecutionProvider,fp32,1,,quoted"

    lines = rendered(quoted_report(quoted(similarity=partly)), form="csv").split("\n")

    assert lines == [
        HEADER,
        f"{row},pipeline,positive,ms,,,22.9452,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},pipeline,negative,ms,,,22.9452,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},pipeline,negative_resized,ms,,,22.9452,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},similarity,positive,ms,,,1.0910,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},similarity,negative,ms,,,1.0910,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},similarity,negative_resized,ms,,,1.0910,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},similarity_percent,positive,percent,,,54.0608,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},embedding_dim,,components,,,512,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},gflops,,GMACs,,,1.81,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},acc1,,percent,,,69.758,,,,,,,pretrained,,1,single-stream,,,false,",
        f"{row},acc5,,percent,,,87.49,,,,,,,pretrained,,1,single-stream,,,false,",
        "",
    ]


def test_percentiles_appear_where_the_samples_carry_them() -> None:
    """A hundred independent calls give a 90th percentile and no 99th."""
    of = launches(*([[1_000_000 + 7919 * (5 * i + j) % 1000 for i in range(20)]] for j in range(5)))
    timing = Timing(scope="forward", image=None, launches=of)

    (row, *_) = csv.DictReader(io.StringIO(rendered(report(measured(of=(timing,))), form="csv")))

    assert float(row["p90"]) > float(row["median"])
    assert row["p99"] == ""


def test_every_row_has_every_column() -> None:
    """Strings with commas, quotes and line breaks do not shift a column."""
    of = report(*two_backbones().cells, failed(identity(f'a,"b" {HOSTILE}', HOSTILE)))
    rows = list(csv.reader(io.StringIO(rendered(of, form="csv"))))

    assert {len(row) for row in rows} == {29}
    assert rows[-1][0].startswith('a,"b" =cmd')


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "'=1+1"),
        ("\x1b[31m=1+1", "'=1+1"),
        ("a=1", "a=1"),
    ],
)
def test_no_text_is_a_formula(text: str, cell: str) -> None:
    """What a spreadsheet would compute gets a quote before it, whatever stood in front."""
    assert safe(text) == cell


def test_a_hostile_name_is_quoted_in_its_row() -> None:
    """The protection reaches the rendering."""
    output = rendered(report(failed(identity(HOSTILE))), form="csv")

    assert output.splitlines()[1].startswith("'=cmd|'/c calc'!A1 [red]x[/red] <b>& next,")


def test_what_was_disturbed_is_in_no_row() -> None:
    """A block that the system calls disturbed has no part in any figure, as in the tables."""
    quiet = launches([[1_000_000]], [[1_000_000]], [[9_000_000]])
    disturbed = with_noise(quiet[2], Noise(wall_ns=100, steal_ns=0, wait_ns=90))
    timing = Timing(scope="forward", image=None, launches=(*quiet[:2], disturbed))

    row = rendered(report(measured(of=(timing,))), form="csv").split("\n")[1]

    assert row == f"{RESNET},forward,,ms,2,2,1.000000,1.000000,1.000000,,,,1.000000,{WEIGHTS}"


def test_a_throughput_is_that_of_a_call_s_pictures() -> None:
    """Its interval is that of the time, and a wide one marks it too."""
    times = launches([[2_000_000]], [[2_200_000]], [[1_800_000]])
    wide = launches([[2_000_000]], [[9_000_000]], [[500_000]])
    of = (
        measured(identity(name, batch=8), of=(Timing(scope="forward", image=None, launches=each),))
        for name, each in (("alexnet", times), ("vgg11", wide))
    )
    rows = list(csv.DictReader(io.StringIO(rendered(report(*of), form="csv"))))
    forward, rate = rows[:2]
    (imprecise,) = (row for row in rows if row["scope"] == rate["scope"] and row is not rate)

    assert (rate["scope"], rate["unit"], rate["n"]) == ("pictures_per_second", "per second", "3")
    for end, other in (("median", "median"), ("ci_low", "ci_high"), ("ci_high", "ci_low")):
        assert float(rate[end]) == pytest.approx(8000 / float(forward[other]), rel=1e-5)
    assert (rate["p90"], rate["min"], rate["weights_origin"]) == ("", "", "pretrained")
    assert (rate["status"], imprecise["status"]) == ("ok", "imprecise")


def test_page_faults_are_those_of_a_call_of_what_counts() -> None:
    """The median of the undisturbed blocks: two entries of five calls share 26,140 faults."""
    *quiet, last = launches(*[[[5_000_000] * 2]] * 4, calls=5)
    counting = [with_noise(launch, Noise(page_faults=26_140)) for launch in quiet]
    disturbed = with_noise(last, Noise(wall_ns=100, wait_ns=90, page_faults=10**9))
    timing = Timing(scope="forward", image=None, launches=(*counting, disturbed))

    output = rendered(report(measured(of=(timing,))), form="csv")

    assert f"{RESNET},page_faults,,per call,,,2614,,,,,,,{WEIGHTS}\n" in output


def test_intervals_keep_the_pilot_s_spread() -> None:
    """What follows the pilot moves the mean and narrows the interval, and leaves its spread."""
    times = [1.00, 1.02, 0.98, 1.01, 0.99]
    pilot = launches(*([[round(time * 1e6)]] for time in times))
    longer = launches(*([[round(time * 1e6)]] for time in (*times, *[1.0] * 15)))

    rows = [
        rendered(report(measured(of=(Timing(scope="host", image=None, launches=of),))), form="csv")
        .split("\n")[1]
        .split(",")
        for of in (pilot, longer)
    ]
    widths = [float(row[16]) / float(row[14]) - 1 for row in rows]

    assert widths[1] == pytest.approx(widths[0] / 2, rel=1e-2)


def test_energy_is_that_of_a_picture_beyond_idle() -> None:
    """Two joules in a second of which one would be used anyway, for ten calls; else no row."""
    blocks = (
        Block(round=0, calls=10, ns=(10**9,), noise=Noise(wall_ns=10**9, energy_uj=2_000_000)),
    )
    taken = tuple(Launch(index=index, blocks=blocks, idle_watts=1.0) for index in range(3))
    cell = measured(of=(Timing(scope="forward", image=None, launches=taken),))
    output = rendered(report(cell), form="csv")
    row = f"{RESNET},energy_per_picture,,joules,3,,0.100000,0.100000,0.100000,,,,,{WEIGHTS}\n"

    assert row in output
    assert "energy" not in rendered(report(measured()), form="csv")

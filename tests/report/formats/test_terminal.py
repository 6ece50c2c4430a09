"""Tables for a terminal: complete, aligned, within the width, and safe to print."""

import msgspec
import pytest
from rich.cells import cell_len

from simx.models.ranges import DEFAULT_RANGES, Range
from simx.report.blocks.document import Column, Layout, Row, Table
from simx.report.content import Screen, render
from simx.report.contents import report_content
from simx.report.formats import terminal
from simx.report.words.values import Value
from simx.results.schema.environment import DeviceMemory, Gpu, Memory
from simx.results.schema.gpu import GpuState
from simx.results.schema.report import Parity, Similarity, Stop
from simx.results.schema.times import Block, Launch, Noise, Timing
from tests.report.samples import HOSTILE, expected, rendered, two_backbones
from tests.results.builders import (
    around,
    canary,
    failed,
    identity,
    launches,
    measured,
    quoted,
    quoted_report,
    report,
    timings,
)

DASH = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.mark.parametrize("layout", ["models", "origin"])
def test_the_short_output_is_as_expected(layout: Layout) -> None:
    """A row for each backbone, the findings, and what sums up, to the character."""
    output = rendered(two_backbones(), width=80, layout=layout, detail=False)

    assert output == expected(f"{layout}_80.txt")


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_range_of_twenty_backbones_is_short(width: int) -> None:
    """Times, pictures, findings and sum: two tables of twenty rows, and about as much beside."""
    cells = [
        measured(identity(f"shufflenet_{number:02}_x0_5", backend=backend), milliseconds=time)
        for number in range(20)
        for backend, time in (("torch", 20 + number), ("ort", 10 + number))
    ]
    output = rendered(report(*cells), width=width, detail=False)

    assert len(output.splitlines()) <= 85
    assert sum(line.startswith("shufflenet_10_x0_5:V1 ") for line in output.splitlines()) == 2


def test_a_table_in_ascii_is_aligned() -> None:
    """Signs are spelt before the columns are laid out, because a spelling can be longer."""
    rows = (Row((Value("a"), Value("2.0", "±5%", "◂"))), Row((Value("b"), Value("3"))))
    table = Table(columns=(Column("name", justify="left"), Column("time", "µs")), rows=rows)
    lines = terminal.render([table], Screen(width=80, in_ascii=True)).splitlines()

    assert lines[-2:] == ["a     2.0 +-5%<", "b             3"]
    assert "".join(lines).isascii()


def test_the_first_table_of_two_backends_fits_80_columns() -> None:
    """In one part, with the longest of the usual names."""
    cells = [measured(identity("shufflenet_v2_x0_5", backend=name)) for name in ("torch", "ort")]
    output = rendered(report(*cells), width=80, detail=False)
    (row,) = [line for line in output.splitlines() if "shufflenet_v2_x0_5:V1   " in line][:1]

    assert len(row.split()) == 8  # name, 2 forward, speed-up with its interval, 2 pipeline, acc1
    assert "..." not in output


def test_it_fits_with_wide_intervals_and_all_marks_too() -> None:
    """An interval that is printed by its ends takes hardly more room than one with ±."""
    cells = [
        measured(
            identity("shufflenet_v2_x0_5", backend=backend),
            origin="random",
            of=(
                Timing(scope="forward", image=None, launches=around(time, spread=1.0)),
                Timing(scope="pipeline", image="anchor", launches=around(time, spread=1.0)),
            ),
        )
        for backend, time in (("torch", 13.3), ("ort", 1.28))
    ]
    output = rendered(report(*cells), width=80, detail=False)
    rows = [line for line in output.splitlines() if line.startswith("shufflenet_v2_x0_5:V1 ")]

    assert "?" in rows[0]
    assert rows[0].endswith("69.76°")


def test_details_are_shown_where_they_are_asked_for() -> None:
    """Stages, parity, memory, the first call, the legend: none of them in the short output."""
    short, long = (rendered(two_backbones(), detail=detail) for detail in (False, True))

    for word in ("preprocess", "cosine", "MiB", "0.9999999", "1000", "paired", "seed"):
        assert word in long.split()
        assert word not in short.split()


def test_the_last_line_sums_up() -> None:
    """Backbones, the mean speed-up with its interval, failures, and what to open next."""
    content = report_content([two_backbones()], DEFAULT_RANGES, next_step="open it: simx report x")
    *_, last, opens = render(content, "table", Screen(width=200)).splitlines()

    assert last == (
        "2 backbones · ort cpu is 2.000 times as fast as torch cpu (geometric mean, 2.000 to 2.000)"
        " · 1 cell failed"
    )
    assert opens == "open it: simx report x"


def test_backends_of_a_field_stand_side_by_side() -> None:
    """Similarities that agree are one figure, those that do not are two."""
    reduced = msgspec.structs.replace(
        measured(msgspec.structs.replace(identity(backend="ort"), precision="int8")),
        similarity=Similarity(positive=80.0, negative=-1.83, negative_resized=0.69),
    )
    output = rendered(report(measured(milliseconds=50), reduced), detail=False)

    assert " 84.13/80.00 " in output
    assert " -1.83 " in output
    assert "torch cpu / ort cpu int8" in output


@pytest.mark.parametrize("layout", ["models", "origin"])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_width_holds_every_model_and_figure(width: int, layout: Layout) -> None:
    """No line is wider than the terminal, and no model, figure or note gets lost."""
    output = rendered(two_backbones(), width=width, layout=layout)
    words = output.replace("\n", " ")

    assert max(map(cell_len, output.splitlines())) <= width
    for figure in ("50.0 ", "25.00", "2.000", "140.0", "84.13", "-1.83", "85.96", "512", "69.76"):
        assert figure in words
    for word in ("resnet18", "vgg11", "torch cpu", "ort cpu", "0.9999999", "2e-7", "pretrained"):
        assert word in words


def test_random_weights_are_labelled() -> None:
    """Similarity and margin carry a mark that a note explains; trained weights have neither."""
    random = rendered(report(measured(origin="random")))
    trained = rendered(report(measured()))

    assert "84.13°" in random
    assert "85.96°" in random
    assert "° random weights: similarity and margin have no meaning" in random
    assert "--weights pretrained" in random
    assert "°" not in trained


def test_a_failed_cell_is_shown_with_its_stage_reason_and_command() -> None:
    """Its row stays in the table, and below it stands what happened and how to see it again."""
    output = rendered(two_backbones())

    assert "✗ vgg11:V1 on ort cpu failed at load: out of memory" in output
    assert "(again: simx bench resnet18 --backend ort)" in output


def test_a_range_of_nothing_but_failures_is_shown() -> None:
    """The catalogue's figures and the reasons are all there is, and they are there."""
    output = rendered(report(failed(), failed(identity(backend="ort"))), width=80)

    assert "69.76" in output
    assert output.count("failed at load") == 2


def test_times_of_a_single_launch_are_flagged() -> None:
    """A single launch has no interval: its times carry a mark, and there is a note."""
    output = rendered(report(measured(milliseconds=20000, few_calls=True)))

    assert "20000†" in output
    assert "† a single launch, which shows no spread: no interval" in output


def test_what_was_loaded_is_shown_once() -> None:
    """The libraries of all cells' providers, with the versions that they tell."""
    cell = msgspec.structs.replace(measured(), libraries={"libcudart": "13.5", "libopenvino": ""})
    other = msgspec.structs.replace(
        measured(identity("vgg11")), libraries={"libcudart": "13.5", "libcudnn": "9.28.1"}
    )
    lines = [line.split() for line in rendered(report(cell, other)).splitlines()]

    assert ["loaded", "cudart", "13.5", "·", "openvino", "·", "cudnn", "9.28.1"] in lines
    assert "loaded" not in rendered(report(measured())).split()


def test_where_nodes_ran_is_shown() -> None:
    """All on the provider, or beside those that only compute shapes, or a share; or no graph."""
    cuda = "CUDAExecutionProvider"
    output = rendered(
        report(
            measured(identity(backend="ort"), placement={"CPUExecutionProvider": 142}),
            measured(
                identity(backend="ort", provider=cuda),
                placement={cuda: 562, "CPUExecutionProvider": 13},
                shape_nodes=13,
            ),
            measured(
                identity(backend="ort:partial=118/142", provider=cuda),
                placement={cuda: 118, "CPUExecutionProvider": 30},
                shape_nodes=6,
            ),
            measured(identity(backend="torch", provider=cuda)),
        )
    )

    assert "118/142 cuda + 6 shape" in output
    assert "142/142 cpu" in output
    assert "562 cuda + 13 shape" in output


def test_batches_that_differ_are_told_apart() -> None:
    """What is not the same for all backbones becomes part of their names."""
    same = rendered(report(measured()))
    both = rendered(report(measured(), measured(identity(batch=8))))

    assert "batch 8" not in same
    assert "resnet18:V1  batch 1 " in both
    assert "resnet18:V1  batch 8 " in both


def test_a_single_backend_is_named_once() -> None:
    """It stands in the heading of the tables and takes no column of them."""
    alone = rendered(report(measured()))
    both = rendered(report(measured(), measured(identity(backend="ort"))))

    assert "1 backbone on torch cpu\n" in alone
    assert " backend " not in alone.partition("forward: the network")[0]
    assert "1 backbone\n" in both
    assert "torch cpu" in both


def test_a_third_backend_has_its_row() -> None:
    """Providers stand below each other by their short names, each with its speed."""
    of = report(
        measured(milliseconds=50),
        measured(identity(backend="ort"), milliseconds=25),
        measured(identity(backend="ort", provider="CUDAExecutionProvider"), milliseconds=5),
    )

    assert "ort cuda" in rendered(of)
    assert "10.00" in rendered(of)


def test_host_times_are_shown_where_they_were_measured() -> None:
    """On a device the time from host to host has a column; elsewhere there is none."""
    with_host = (*timings(50), Timing(scope="host", image=None, launches=around(66)))

    assert " host" in rendered(report(measured(of=with_host)))
    assert "66.0" in rendered(report(measured(of=with_host)))
    assert " host" not in rendered(report(measured()))


def test_similarity_from_the_host_is_shown_where_it_was_measured() -> None:
    """On a device it has columns beside the one that stays there; elsewhere there are none."""
    from_host = Timing(scope="similarity.host", image="positive", launches=around(0.375))
    output = rendered(report(measured(of=(*timings(50), from_host))), form="markdown")

    assert "similarity from the host, µs<br>positive" in output
    assert "375" in output
    assert "from the host" not in rendered(report(measured()), form="markdown")


def test_the_gpu_s_state_is_in_the_heading() -> None:
    """Of what was measured on one; otherwise there is no such line."""
    state = GpuState(core_clock_mhz=1410, limits=("power cap",), others=0)
    noise = Noise(gpu=state)
    launches = (Launch(index=0, blocks=(Block(round=0, calls=1, ns=(10,), noise=noise),)),)
    of = measured(of=(Timing(scope="forward", image=None, launches=launches),))
    output = " ".join(rendered(report(of)).split())

    assert "core clock 1410 MHz" in output
    assert "throttled in 1 of 1 blocks (power cap)" in output
    assert "core clock" not in rendered(report(measured()))


def test_a_device_s_memory_is_shown_where_it_has_any() -> None:
    """Beside the host's; elsewhere there is no such column."""
    device = DeviceMemory(peak=700 * 2**20, by="process", allocated=300 * 2**20)
    memory = Memory(before=2**20, peak=2**30, device=device)
    of = msgspec.structs.replace(measured(), memory=memory)

    assert "memory<br>device, MiB" in rendered(report(of), form="markdown")
    assert "| 700 |" in rendered(report(of), form="markdown")
    assert "device, MiB" not in rendered(report(measured()), form="markdown")


def test_undefined_similarity_is_a_dash() -> None:
    """An embedding of length zero has no similarity, which is not 0 %."""
    nothing = Similarity(positive=None, negative=5, negative_resized=5)
    output = rendered(report(msgspec.structs.replace(measured(), similarity=nothing)))

    assert DASH in output
    assert " 0.00" not in output


def test_ranges_of_ones_own() -> None:
    """Other edges give other tables, and what they leave out is shown as such."""
    of = report(measured(gflops=1.2), measured(identity("vgg11")))
    content = report_content([of], (Range("0.5-1.5", 0.5, 1.5),))
    output = render(content, "table", Screen(width=80))

    assert "GFLOPS 0.5-1.5 (from 0.5 to below 1.5), 1 backbone on torch cpu\n" in output
    assert "GFLOPS outside the ranges, 1 backbone on torch cpu\n" in output


def test_the_heading_says_what_was_measured_where() -> None:
    """Machine, versions, profile, counts, seed, pictures and the run's notes come first."""
    output = rendered(report(measured(), notes=["no CUDA device"]))
    head = output.partition("GFLOPS ")[0]

    assert "Example CPU · x86_64 · 2 of 8 cores · 2 threads · 16 GiB · Linux 6.1" in head
    assert "simx 0.1.0 · Python 3.11.9 · torch 2.14.1 · onnxruntime 1.32.0" in head
    assert (
        "requested profile default · 5 launches or more, for ±1.5% · 5 rounds each · budget 60 s a "
        "backbone · seed 42" in head
    )
    assert f"anchor 301{TIMES}167, 9.6 kB" in head
    assert "! no CUDA device" in head


def test_the_heading_says_what_was_done_beside_what_was_requested() -> None:
    """Launches, rounds and seconds as they were, which a budget or a busy machine changes."""
    of = report(
        measured(of=timings(50, 1)),
        measured(identity("vgg11"), of=timings(70, 3), origin="random"),
    )
    stops = tuple(
        Stop(model=model, weights="w", launches=1, needed=None, ended_by="launches", seconds=taken)
        for model, taken in (("resnet18", 84.2), ("vgg11", 95.8))
    )
    head = rendered(msgspec.structs.replace(of, stops=stops)).partition("GFLOPS ")[0]

    assert (
        "measured  2026-01-05T12:00:00Z · 1 to 3 launches · 1 round each · 84 to 96 seconds a "
        "backbone · 3.0 minutes in all · weights pretrained, random" in head
    )


@pytest.mark.parametrize("layout", ["models", "origin"])
def test_quoted_figures_are_shown_as_quoted_and_nothing_beside_them(layout: Layout) -> None:
    """Their source heads them, and what no source gives has neither a row nor a column."""
    output = rendered(quoted_report(quoted()), width=80, layout=layout)
    tables = output.partition("GFLOPS 1-3")[2].partition("quoted: all figures")[0]

    assert "\nquoted  A Report on Backbones\n" in output
    for figure in ("22.9452", "54.0608", "-1.8293", "0.6870", "55.8901", "69.758", "87.490"):
        assert figure in tables
    for absent in ("machine", "measured  ", "anchor\n", "forward", "parity", "memory", DASH):
        assert absent not in tables


def test_several_reports_are_rendered_one_after_the_other() -> None:
    """Each has its own heading: their machines may differ."""
    output = rendered(report(measured()), report(measured()), width=80)

    assert output.count("machine  Example CPU") == 2
    assert not output.startswith("\n")
    assert not output.endswith("\n\n")


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape codes need a terminal that has colours and no NO_COLOR; the fastest has a sign too."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    colored = rendered(two_backbones(), color=True)
    monkeypatch.setenv("NO_COLOR", "1")
    monochrome = rendered(two_backbones(), color=True)

    assert "\x1b[1;32m" in colored
    assert "\x1b[1;32m" not in monochrome
    assert "\x1b" not in rendered(two_backbones())
    assert "±1%◂" in rendered(two_backbones())


@pytest.mark.parametrize("width", [80, 200])
def test_strings_from_a_file_are_only_text(width: int) -> None:
    """Markup is printed as it is, and no control character reaches the terminal."""
    of = report(
        measured(identity(HOSTILE, HOSTILE, HOSTILE, HOSTILE)),
        failed(reason=HOSTILE),
        notes=[HOSTILE],
    )
    output = rendered(of, width=width)

    assert "[red]x[/red]" in output.replace("\n", "")
    assert all(character.isprintable() or character == "\n" for character in output)
    assert max(map(cell_len, output.splitlines())) <= width


def test_parity_that_is_off_shows() -> None:
    """The figures are the cell's own."""
    off = msgspec.structs.replace(measured(), parity=Parity(cosine=0.99991234, relative_l2=9.4e-5))
    output = rendered(report(off))

    assert "0.9999123" in output
    assert "9e-5" in output


def test_the_heading_tells_the_peak_and_the_gpus() -> None:
    """Shares refer to a peak, and a GPU is named with its driver."""
    taken = canary(launches([[1_500_000]]))
    gpu = Gpu(
        name="NVIDIA Example",
        driver="570.1",
        memory_bytes=2**33,
        core_clock_mhz=1980,
        memory_clock_mhz=None,
    )
    of = msgspec.structs.replace(report(measured(milliseconds=50)), canary=(taken,))
    assert of.environment is not None
    environment = msgspec.structs.replace(of.environment, gpus=(gpu,))
    text = rendered(msgspec.structs.replace(of, environment=environment))

    assert "governor performance · NVIDIA Example, driver 570.1 · peak 179 GFLOP/s on cpu" in text
    assert "40.5" in text  # 2 x 1.81e9 operations in 50 ms, of 2 x 512^3 in 1.5 ms

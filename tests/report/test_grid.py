"""Tables fit their width: nothing is cut, nothing wraps by itself."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simx.report.blocks.table import ABSENT, Column, Row, Run, Table, Value, pack
from simx.report.grid import lines

KEYS = (Column("model", align="left"), Column("backend", align="left"))
COLUMNS = (
    Column("anchor", group="time, ms"),
    Column("positive", group="time, ms"),
    Column("GFLOPS", "MACs"),
)
ROWS = (
    Row(("resnet18", "torch"), (Value("9.75", "±1%"), Value("103"), Value("1.81"))),
    Row(("resnet18", "ort"), (Value("10.5", "±12%", "*"), ABSENT, Value(""))),
    Row(("vgg11", "ort"), (Value("0"), Value("7.125"), Value("7.61"))),
)
SMALL = Table(keys=KEYS, columns=COLUMNS, rows=ROWS)
FLAT = Table(keys=KEYS, columns=COLUMNS, rows=ROWS, nested=False)


def printed(table: Table, width: int) -> list[str]:
    return [line.plain for line in lines(table, width)]


def test_a_wide_terminal_shows_one_table() -> None:
    """Groups have a heading over a rule, decimal points align, and repeated keys are left out."""
    assert printed(SMALL, 80) == [
        "                    time, ms",
        "                    ─────────────────────",
        "                                            GFLOPS",
        "model     backend        anchor  positive     MACs",
        "────────  ───────   ───────────  ────────   ──────",
        "resnet18  torch      9.75  ±1%    103         1.81",
        "          ort       10.5  ±12%*         \N{EN DASH}",
        "vgg11     ort        0              7.125     7.61",
    ]


def test_a_narrow_terminal_shows_the_rest_below() -> None:
    """What does not fit goes on in a further table with the keys repeated; a group stays whole."""
    assert printed(FLAT, 42) == [
        "                    time, ms",
        "                    ─────────────────────",
        "model     backend        anchor  positive",
        "────────  ───────   ───────────  ────────",
        "resnet18  torch      9.75  ±1%    103",
        "resnet18  ort       10.5  ±12%*         \N{EN DASH}",
        "vgg11     ort        0              7.125",
        "",
        "                    GFLOPS",
        "model     backend     MACs",
        "────────  ───────   ──────",
        "resnet18  torch       1.81",
        "resnet18  ort",
        "vgg11     ort         7.61",
    ]


def test_keys_stand_above_each_other_where_that_saves_a_part() -> None:
    """A model has a line of its own where the columns then fit side by side."""
    assert printed(SMALL, 42) == [
        "            time, ms",
        "            ─────────────────────",
        "                                    GFLOPS",
        "  backend        anchor  positive     MACs",
        "  ───────   ───────────  ────────   ──────",
        "resnet18",
        "  torch      9.75  ±1%    103         1.81",
        "  ort       10.5  ±12%*         \N{EN DASH}",
        "vgg11",
        "  ort        0              7.125     7.61",
    ]


def test_a_long_heading_is_broken_where_that_saves_a_part() -> None:
    """A name wider than its figures takes two lines, and stays whole where there is room."""
    names = ("shufflenet_v2_x0_5", "mobilenet_v3_large")
    rows = (Row(("time, ms",), (Value("62.2530"), Value("62.2003"))),)
    table = Table(
        keys=(Column("", align="left"),),
        columns=tuple(Column(name, "V1", align="right") for name in names),
        rows=rows,
    )

    assert printed(table, 40) == [
        "           shufflenet_   mobilenet_",
        "               v2_x0_5     v3_large",
        "                    V1           V1",
        "────────   ───────────   ──────────",
        "time, ms       62.2530      62.2003",
    ]
    assert printed(table, 60)[0] == "           shufflenet_v2_x0_5   mobilenet_v3_large"


def test_a_long_key_goes_on_below_itself() -> None:
    """A name that would take the figures' space is broken, visibly, and not cut."""
    row = Row(("a_very_long_model_name_indeed",), (Value("9.75"),))
    table = Table(keys=KEYS[:1], columns=COLUMNS[2:], rows=(row,))

    assert printed(table, 36)[-2:] == ["a_very_long_model_nam     9.75", "e_indeed"]


def test_an_empty_list_has_its_headings() -> None:
    """No rows and no columns of values are no reason to fail."""
    assert printed(Table(keys=KEYS, columns=(), rows=()), 40) == [
        "model  backend",
        "─────  ───────",
    ]


names = st.text(st.sampled_from("abc_猫"), min_size=1, max_size=12)
values = st.builds(
    Value,
    st.one_of(st.floats(-1e4, 1e4).map(lambda x: f"{x:.2f}"), st.just("-")),
    st.sampled_from(["", "±3%"]),
    st.sampled_from(["", "*"]),
)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    drawn_columns = draw(
        st.lists(st.tuples(names, st.sampled_from(["", "g one", "h"])), min_size=1, max_size=9)
    )
    columns = tuple(Column(name, group=group) for name, group in drawn_columns)
    count = len(columns)
    rows = st.builds(
        Row, st.tuples(names, names), st.lists(values, min_size=count, max_size=count).map(tuple)
    )
    drawn_rows = draw(st.lists(rows, min_size=1, max_size=5))
    return Table(keys=KEYS, columns=columns, rows=tuple(drawn_rows))


@given(tables(), st.integers(min_value=60, max_value=200))
def test_no_line_is_wider_and_no_figure_is_missing(table: Table, width: int) -> None:
    """Whatever the table, it keeps the width and shows every figure whole."""
    shown = printed(table, width)
    words = " ".join(shown).split()

    assert max(map(cell_len, shown)) <= width
    for row in table.rows:
        for value in row.values:
            assert any(word.startswith(value.figure) for word in words)


@given(
    st.lists(st.tuples(st.sampled_from("ab "), st.integers(1, 30)), min_size=1, max_size=20),
    st.integers(1, 100),
)
def test_packing_keeps_order_and_width(drawn: list[tuple[str, int]], available: int) -> None:
    """Every column comes once, in order; only one that is too wide by itself sticks out."""
    columns = [Column("", group=group.strip()) for group, _ in drawn]
    widths = [width for _, width in drawn]

    def run_width(run: Run) -> int:
        return sum(widths[index] for index in run)

    parts = pack(columns, run_width, available)

    assert [index for part in parts for index in part] == list(range(len(drawn)))
    assert all(len(part) == 1 or run_width(part) <= available for part in parts)

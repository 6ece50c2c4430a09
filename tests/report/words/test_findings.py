"""What the figures of a range amount to, in words."""

import msgspec
import pytest

from simx.models.pictures import Image
from simx.models.ranges import DEFAULT_RANGES
from simx.report.words.findings import sentences, smallest_times
from simx.results.schema.report import Cell, Identity, MeasuredCell, Report, Similarity
from simx.results.schema.times import Timing
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.derivation import by_range
from simx.results.summaries.findings import Smallest
from simx.results.summaries.summary import BackboneSummary, TargetId
from tests.report.samples import HOSTILE
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
)

TORCH = TargetId("torch", "CPUExecutionProvider")
ORT = TargetId("ort", "CPUExecutionProvider")


def said(of: Report) -> tuple[str, ...]:
    (summary,) = by_range(of, DEFAULT_RANGES)
    return sentences(summary)


def forward(its: Identity, milliseconds: float) -> MeasuredCell:
    """Return a cell of which nothing is known but its ``forward`` and its dimension."""
    nothing = Similarity(positive=None, negative=None, negative_resized=None)
    timing = Timing(scope="forward", image=None, launches=around(milliseconds))
    return msgspec.structs.replace(measured(its, of=(timing,)), similarity=nothing)


def similar(model: str, positive: float, negative: float, resized: float = 5) -> MeasuredCell:
    found = Similarity(positive=positive, negative=negative, negative_resized=resized)
    return msgspec.structs.replace(measured(identity(model), of=()), similarity=found)


def backbones(*models: str) -> tuple[BackboneSummary, ...]:
    cells = [measured(identity(model), of=()) for model in models]
    found = [
        each for summary in by_range(report(*cells), DEFAULT_RANGES) for each in summary.backbones
    ]
    return tuple(sorted(found, key=lambda each: models.index(each.model)))


def smallest(image: Image | None, groups: str, milliseconds: float = 10) -> Smallest:
    """Return a smallest time of ``pipeline`` by models: ``leaders / tied / others``."""
    leaders, tied, others = (backbones(*group.split()) for group in groups.split("/"))
    return Smallest(
        target=TORCH,
        scope="pipeline" if image else "forward",
        image=image,
        time=Estimate(
            median_ns=milliseconds * 1e6,
            low_ns=milliseconds * 0.99e6,
            high_ns=milliseconds * 1.01e6,
        ),
        decimals=None,
        leaders=leaders,
        tied=tied,
        others=others,
    )


def told(*found: Smallest) -> list[str]:
    return list(
        smallest_times(found, {TORCH: 0}, lambda group: [backbone.model for backbone in group])
    )


def test_times_of_one_leader_share_a_sentence() -> None:
    """Every picture has its time, and what cannot be told from it is named once."""
    assert told(
        smallest("positive", "alexnet / vgg11 / resnet18"),
        smallest("negative", "alexnet / vgg11 / resnet18", 30),
    ) == [
        (
            "alexnet has the smallest embedding inference time for the positive (10.00 ms) and the "
            "negative (30.00 ms), tied with vgg11."
        )
    ]


def test_times_of_several_leaders_share_a_sentence() -> None:
    """Each leader has its pictures."""
    assert told(
        smallest("positive", "alexnet / / vgg11"),
        smallest("negative", "vgg11 / / alexnet", 30),
        smallest("negative_resized", "alexnet / / vgg11", 12),
    ) == [
        (
            "alexnet has the smallest embedding inference time for the positive (10.00 ms) and the "
            "resized negative (12.00 ms), and vgg11 for the negative (30.00 ms)."
        )
    ]


@pytest.mark.parametrize(
    ("positive", "negative", "ties"),
    [
        ("a / b / c", "a / b / c", ", tied with b"),
        ("a / b / c", "a / b c /", ", tied with b; for the negative also with c"),
        ("a / / b c", "a / b / c", "; for the negative tied with b"),
        ("a / b c d / e", "a / b c d / e", ", tied with b, c and d"),
        ("a / b c d e f / g h", "a / b c d e f / g h", ", tied with b, c, d and 2 more"),
        (
            "a / b / c d e f g h",
            "a / b c d e f g / h",
            ", tied with b; for the negative also with c, d, e and 2 more",
        ),
    ],
)
def test_at_most_three_ties_are_named(positive: str, negative: str, ties: str) -> None:
    """What holds for all pictures is said once, and further ties are counted."""
    (text,) = told(smallest("positive", positive), smallest("negative", negative))

    assert text == (
        "a has the smallest embedding inference time for the positive (10.00 ms) and the negative "
        f"(10.00 ms){ties}."
    )


@pytest.mark.parametrize(
    ("positive", "negative", "text"),
    [
        (
            "a / b / c",
            "b / a / c",
            "a has {} for the positive {}, and b for the negative {}; they are tied.",
        ),
        (
            "a / b c / d",
            "b / a c / d",
            (
                "a has {} for the positive {}, and b for the negative {}; they are tied with "
                "each other and with c."
            ),
        ),
        (
            "a / b c d e f g / h",
            "b / a c d e f g / h",
            (
                "a has {} for the positive {}, and b for the negative {}; they are tied with "
                "each other and with c, d, e and 2 more."
            ),
        ),
        (
            "a / c / b",
            "b / / a c",
            "a has {} for the positive {}, tied with c; b for the negative {}.",
        ),
    ],
)
def test_ties_of_several_leaders_are_said_together(positive: str, negative: str, text: str) -> None:
    """Where all of them are tied with the same, that is one statement."""
    what, time = "the smallest embedding inference time", "(10.00 ms)"

    assert told(smallest("positive", positive), smallest("negative", negative)) == [
        text.format(what, time, time)
    ]


def test_each_target_speaks_for_itself() -> None:
    """With several of them each sentence says where, and drift that was allowed for is said."""
    of = report(
        *(
            forward(identity(model, backend=backend), time)
            for model, backend, time in (
                ("resnet18", "torch", 50),
                ("vgg11", "torch", 90),
                ("resnet18", "ort", 40.2),
                ("vgg11", "ort", 40),
            )
        )
    )
    canaries = tuple(
        canary(launches([[ns]]), model)
        for model, ns in (("resnet18", 1_000_000), ("vgg11", 1_023_000))
    )

    assert said(msgspec.structs.replace(of, canary=canaries)) == (
        "On torch cpu, resnet18:V1 has the smallest forward time (50.0 ms).",
        "On ort cpu, vgg11:V1 has the smallest forward time (40.0 ms), tied with resnet18:V1.",
        "Between backbones the machine drifted by 2.3 % on ort cpu; ties allow for it.",
    )


def test_a_single_target_needs_no_name() -> None:
    """The heading of the table has said it."""
    of = report(forward(identity("resnet18"), 50), forward(identity("vgg11"), 90))

    assert said(of) == ("resnet18:V1 has the smallest forward time (50.0 ms).",)


def test_quoted_medians_are_compared_as_such() -> None:
    """The wording admits that there is nothing but medians, and shows all their digits."""
    nothing = Similarity(positive=None, negative=None, negative_resized=None)
    first, second, third = (
        quoted(identity(model), milliseconds=time, similarity=nothing)
        for model, time in (("alexnet", 22.94), ("resnet18", 35.5673), ("vgg11", 22.94))
    )
    time = "(22.9400 ms)"

    assert said(quoted_report(first, second)) == (
        (
            "By the medians alone, alexnet:V1 has the smallest embedding inference time for the "
            f"positive {time}, the negative {time} and the resized negative {time}."
        ),
    )
    assert said(quoted_report(first, second, third)) == (
        (
            "By the medians alone, alexnet:V1 and vgg11:V1 have the smallest embedding "
            f"inference time for the positive {time}, the negative {time} and the resized negative "
            f"{time}."
        ),
    )


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (
            [similar("a", 50, -4.5, -0.001), similar("b", 60, -9)],
            (
                "a:V1 (-4.50 %) and b:V1 (-9.00 %) have a similarity below 0 % with the negative; "
                "a:V1 (-0.001 %) with the resized negative."
            ),
        ),
        ([similar("a", -3, 5)], "a:V1 (-3.00 %) has a similarity below 0 % with the positive."),
        (
            [similar("a", 81, 5), similar("b", 79, 6), similar("c", 95.5, 7), similar("d", 50, 8)],
            (
                "a:V1 (81.00 %) and c:V1 (95.50 %) reach a similarity of 80 % with the positive; "
                "b:V1 (79.00 %) almost does."
            ),
        ),
        (
            [similar("a", 81, 5), similar("b", 79, 6), similar("c", 78, 7)],
            (
                "a:V1 (81.00 %) reaches a similarity of 80 % with the positive; b:V1 (79.00 %) and "
                "c:V1 (78.00 %) almost do."
            ),
        ),
        (
            [similar("b", 79, 6)],
            "b:V1 (79.00 %) almost reaches a similarity of 80 % with the positive.",
        ),
        (
            [similar(name, 80 + place, 5) for place, name in enumerate("abcde")],
            "All 5 backbones reach a similarity of 80 % with the positive (80.00 % to 84.00 %).",
        ),
        (
            [similar("a", 60, 5), similar("b", 40, 5)],
            "a:V1 has the best margin (55.00 points), b:V1 the worst (35.00 points).",
        ),
    ],
)
def test_similarities_in_words(cells: list[MeasuredCell], text: str) -> None:
    """Below 0, high or almost, and the margin, in the number that the subjects have."""
    assert text in said(report(*cells))


def test_dimensions_in_words() -> None:
    """Up to four are named, and more are counted."""
    cells = [forward(identity(name), 50) for name in "abcdefg"]
    cells[0] = msgspec.structs.replace(cells[0], embedding_dim=64)
    two = [cells[0], *cells[1:3]]

    assert "a:V1 has the smallest dimension (64), b:V1 and c:V1 the largest (512)." in said(
        report(*two)
    )
    assert "a:V1 has the smallest dimension (64), 6 of 7 backbones the largest (512)." in said(
        report(*cells)
    )


def test_where_onnx_runtime_is_slower_is_said_with_the_interval() -> None:
    """The ratio and its ends, for each target of it."""
    cells = [
        forward(identity(model, backend=backend), time)
        for model, backend, time in (
            ("a", "torch", 50),
            ("a", "ort", 60),
            ("b", "torch", 50),
            ("b", "ort", 40),
        )
    ]

    assert (
        "In forward ort cpu is slower than torch cpu for a:V1 (0.8333 times as fast, 0.8333 to "
        "0.8333)." in said(report(*cells))
    )


def test_when_a_slow_start_has_paid_for_itself_is_said() -> None:
    """For each target; of many backbones the first and the last are named."""
    start = Timing(scope="first", image=None, launches=around(100, count=1))
    cells: list[Cell] = []
    for model, seconds in (("a", 10), ("b", 20), ("c", 30), ("d", 5)):
        usual = forward(identity(model), 20)
        cells.append(msgspec.structs.replace(usual, timings=(*usual.timings, start)))
        fast = forward(identity(model, backend="torch:compile"), 10)
        slow = Timing(scope="first", image=None, launches=around(1000 * seconds + 100, count=1))
        cells.append(msgspec.structs.replace(fast, timings=(*fast.timings, slow)))

    assert (
        "torch:compile cpu starts more slowly than torch cpu, and has made up for it after 500 "
        "calls (d:V1) to 3,000 calls (c:V1)." in said(report(*cells))
    )
    assert (
        "torch:compile cpu starts more slowly than torch cpu, and has made up for it after 1,000 "
        "calls (a:V1)." in said(report(*cells[:2]))
    )


def test_where_backends_disagree_is_said_with_both_figures() -> None:
    """The bound is part of the sentence."""
    first = similar("a", 50, 10)
    second = msgspec.structs.replace(similar("a", 50, 10.5), identity=identity("a", backend="ort"))

    assert said(report(first, second)) == (
        (
            "Similarities differ by more than 0.1 points between backends: a:V1 with the negative, "
            "10.00 % on torch cpu and 10.50 % on ort cpu."
        ),
    )


def test_the_same_backbone_twice_is_told_apart() -> None:
    """Where a name is not enough, what differs between the two is added, to them alone."""
    cells: list[Cell] = [
        forward(identity("resnet18"), 50),
        forward(identity("resnet18", batch=8), 90),
        forward(identity("vgg11"), 90),
    ]

    assert said(report(*cells[:2])) == (
        "resnet18:V1 batch 1 has the smallest forward time (50.0 ms).",
    )
    assert said(report(*cells[1:])) == (
        "resnet18:V1 has the smallest forward time (90.0 ms), tied with vgg11:V1.",
    )


def test_one_backbone_alone_is_neither_smallest_nor_best() -> None:
    """What needs no comparison is said of it, and nothing else."""
    assert said(report(measured(), measured(identity(backend="ort"), milliseconds=25))) == (
        "resnet18:V1 (-1.83 %) has a similarity below 0 % with the negative.",
        "resnet18:V1 (84.13 %) reaches a similarity of 80 % with the positive.",
    )


def test_nothing_measured_is_nothing_said() -> None:
    """Failures are not findings."""
    assert said(report(failed())) == ()


def test_names_from_a_file_are_only_text() -> None:
    """No control character gets into a sentence."""
    of = report(
        forward(identity(HOSTILE, HOSTILE, HOSTILE, HOSTILE), 50),
        forward(identity("vgg11", HOSTILE, HOSTILE, HOSTILE), 90),
        measured(identity(HOSTILE)),
    )

    assert said(of)
    assert all(character.isprintable() for text in said(of) for character in text)


def in_int8(cell: MeasuredCell, **changed: object) -> MeasuredCell:
    its = msgspec.structs.replace(cell.identity, backend="ort", precision="int8")
    return msgspec.structs.replace(cell, identity=its, **changed)


def test_what_a_precision_costs_is_said_beside_fp32() -> None:
    """Its margin stands beside fp32's; that its similarities differ is no disagreement."""
    full = similar("a", 50, 10)
    reduced = in_int8(similar("a", 48, 12))

    assert said(report(full, reduced)) == (
        "With ort cpu int8 the margin is 36.00 points for a:V1 (fp32: 40.00).",
    )


def test_what_a_precision_costs_many_backbones_is_said_as_a_span() -> None:
    """From what it costs most to what it costs least."""
    cells = [
        each
        for place, name in enumerate("abcde")
        for each in (similar(name, 50, 10), in_int8(similar(name, 50 - place, 10)))
    ]

    assert (
        "With ort cpu int8 margins differ from those of fp32 by -4.00 points (e:V1) to +0.00 "
        "points (a:V1)." in said(report(*cells))
    )


def test_random_weights_have_no_cost() -> None:
    """Their margins say nothing about pictures."""
    full = similar("a", 50, 10)
    reduced = in_int8(similar("a", 48, 12), weights_origin="random")

    assert said(report(msgspec.structs.replace(full, weights_origin="random"), reduced)) == ()

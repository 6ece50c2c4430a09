"""Which backbone to take: the front on one target, its order, and what keeps the limits."""

import msgspec
import pytest

from simx.common.errors import InputError
from simx.results.schema.evaluation import Evaluation
from simx.results.schema.report import (
    Cell,
    MeasuredCell,
    Node,
    ReferenceTimes,
    Report,
    Similarity,
    Stop,
)
from simx.results.schema.times import Timing
from simx.results.summaries.decision import Decision, decisions
from simx.results.summaries.selection_criteria import Limits, SelectionCriteria
from simx.results.summaries.summary import TargetId
from tests.results.builders import MS, around, canary, failed, identity, launches, measured, report
from tests.results.evaluations import evaluation, timed

CPU = "CPUExecutionProvider"


def cell(
    model: str,
    milliseconds: float,
    acc1: float | None,
    *,
    margin: float = 0.0,
    backend: str = "torch",
    provider: str = CPU,
) -> MeasuredCell:
    """Return a cell of 2 % spread; its margin is that of the positive over a negative of 0."""
    made = measured(identity(model, backend=backend, provider=provider), milliseconds=milliseconds)
    return msgspec.structs.replace(
        made,
        catalogue=msgspec.structs.replace(made.catalogue, acc1=acc1),
        similarity=Similarity(positive=margin, negative=0.0, negative_resized=0.0),
    )


SMALL = cell("small", 1, 60)
MIDDLE = cell("middle", 5, 75)
LARGE = cell("large", 20, 85)
POOR = cell("poor", 10, 70)
"""Slower than ``middle``, and less accurate."""


def decided(*cells: Cell, criteria: SelectionCriteria | None = None) -> Decision:
    (decision,) = decisions([report(*cells)], criteria or SelectionCriteria())
    return decision


def limited(*, milliseconds: float | None = None, acc1: float | None = None) -> SelectionCriteria:
    latency = None if milliseconds is None else milliseconds * MS
    return SelectionCriteria(limits=Limits(max_latency_ns=latency, min_acc1=acc1))


def names(decision: Decision, part: str) -> list[str]:
    return [contender.backbone.model for contender in getattr(decision, part)]


def test_without_limits_all_of_the_front_fits_the_fastest_first() -> None:
    """What is beaten is looked at and left out."""
    decision = decided(LARGE, POOR, MIDDLE, SMALL)

    assert names(decision, "contenders") == ["large", "middle", "poor", "small"]
    assert (
        names(decision, "pareto_front")
        == names(decision, "fitting")
        == ["small", "middle", "large"]
    )
    assert decision.order == "fastest"


def test_the_accuracy_of_other_weights_keeps_no_limit() -> None:
    """Of weights from a file it is unknown, also where the report has torchvision's beside them."""
    own = msgspec.structs.replace(MIDDLE, weights_origin="file")
    decision = decided(own, POOR, criteria=limited(acc1=65))

    assert names(decision, "fitting") == ["poor"]
    assert [each.acc1 for each in decision.contenders] == [None, 70]


def test_of_those_that_cannot_be_told_apart_the_most_accurate_is_first() -> None:
    """A tie in latency is broken by accuracy, in each group of ties by itself."""
    tied = (cell("a", 1.0, 60), cell("b", 1.001, 62), cell("c", 5.0, 75), cell("d", 5.01, 74))

    assert names(decided(*tied), "pareto_front") == ["b", "a", "c", "d"]


def test_within_a_latency_the_most_accurate_is_first() -> None:
    """Whoever says how long it may take wants the best that is to be had in that time."""
    decision = decided(LARGE, MIDDLE, SMALL, criteria=limited(milliseconds=6))

    assert names(decision, "fitting") == ["middle", "small"]
    assert decision.order == "most accurate"
    assert decision.nearest == ()


def test_from_an_accuracy_on_the_fastest_is_first() -> None:
    """Whoever says how accurate it has to be wants the fastest of those."""
    assert names(decided(LARGE, MIDDLE, SMALL, criteria=limited(acc1=75)), "fitting") == [
        "middle",
        "large",
    ]


@pytest.mark.parametrize(("limit", "fitting"), [(5.02, []), (5.1, ["middle"])])
def test_the_whole_interval_keeps_a_limit(limit: float, fitting: list[str]) -> None:
    """A median within the limit is not enough where the interval reaches beyond it."""
    assert names(decided(MIDDLE, criteria=limited(milliseconds=limit)), "fitting") == fitting


@pytest.mark.parametrize(
    ("criteria", "nearest"),
    [
        (limited(milliseconds=0.5), ["small"]),
        (limited(acc1=90), ["large"]),
        (limited(milliseconds=3, acc1=75), ["middle", "small"]),
        (limited(milliseconds=0.5, acc1=75), ["middle"]),
        (limited(milliseconds=0.5, acc1=90), ["small", "large"]),
    ],
    ids=["too fast", "too accurate", "one or the other", "none is that fast", "neither"],
)
def test_where_nothing_fits_the_nearest_are_named(
    criteria: SelectionCriteria, nearest: list[str]
) -> None:
    """They keep one limit and miss the other by least, or are the ends of the front."""
    decision = decided(LARGE, MIDDLE, SMALL, criteria=criteria)

    assert decision.fitting == ()
    assert names(decision, "nearest") == nearest


def test_an_unknown_accuracy_keeps_no_limit() -> None:
    """Weights that cannot classify are not taken for accurate enough."""
    assert names(decided(cell("blind", 1, None), MIDDLE, criteria=limited(acc1=0)), "fitting") == [
        "middle"
    ]


def test_a_margin_of_random_weights_takes_no_part() -> None:
    """It says nothing about the pictures, so it defends nobody."""
    sharp = cell("sharp", 10, 70, margin=90)
    blind = msgspec.structs.replace(sharp, weights_origin="random")

    assert names(decided(MIDDLE, sharp), "pareto_front") == ["middle", "sharp"]
    assert names(decided(MIDDLE, blind), "pareto_front") == ["middle"]


def test_the_pipeline_is_that_of_the_positive_picture() -> None:
    """Decoding and preprocessing count where the whole way is asked for."""
    decision = decided(SMALL, criteria=SelectionCriteria(latency_of="pipeline"))

    (contender,) = decision.contenders
    assert contender.latency == contender.cell.times["pipeline", "positive"]


def test_what_has_no_such_latency_is_named() -> None:
    """A cell that failed, one on another target, and one without that scope."""
    without = measured(
        identity("without"), of=(Timing(scope="first", image=None, launches=around(5)),)
    )
    elsewhere = cell("elsewhere", 1, 60, backend="ort")

    decision = decided(failed(identity("broken")), elsewhere, MIDDLE, without)

    assert [backbone.model for backbone, _ in decision.absent] == ["broken", "elsewhere", "without"]


def test_a_single_launch_is_compared_as_it_stands() -> None:
    """A giant without an interval is still seen to be slower than what takes milliseconds."""
    giant = cell("giant", 5000, 70)
    once = Timing(scope="forward", image=None, launches=launches([[5000 * MS]]))
    alone = msgspec.structs.replace(giant, few_calls=True, timings=(once,))

    assert names(decided(MIDDLE, alone), "pareto_front") == ["middle"]


TWO = report(SMALL, cell("small", 2, 60, backend="ort"), cell("small", 3, 60, provider="Other"))


@pytest.mark.parametrize(
    ("criteria", "targets"),
    [
        (SelectionCriteria(), [("torch", CPU)]),
        (SelectionCriteria(backends=("ort",)), [("ort", CPU)]),
        (
            SelectionCriteria(backends=("ort", "torch"), providers=(CPU,)),
            [("torch", CPU), ("ort", CPU)],
        ),
        (SelectionCriteria(providers=("Other",)), [("torch", "Other")]),
    ],
)
def test_the_target_is_chosen_by_name(
    criteria: SelectionCriteria, targets: list[tuple[str, str]]
) -> None:
    """The report's first one by default, and every one that fits what is named."""
    assert [each.target for each in decisions([TWO], criteria)] == [
        TargetId(*names) for names in targets
    ]


def test_a_target_that_is_not_there_is_refused() -> None:
    """The message names what was asked for, and what there is."""
    there = "torch CPUExecutionProvider, torch Other, ort CPUExecutionProvider"

    with pytest.raises(InputError, match=f"^tensorflow: .*{there}$"):
        decisions([TWO], SelectionCriteria(backends=("tensorflow",)))


def test_an_empty_report_decides_nothing() -> None:
    """Without a cell there is no target to look at."""
    assert decisions([report()], SelectionCriteria()) == ()


ON_PICTURES = evaluation()
GOOD, GOOD_ORT, BAD, _ = ON_PICTURES.cells


def joined(*cells: Cell, criteria: SelectionCriteria | None = None) -> Decision:
    return on_pictures([report(*cells)], criteria or SelectionCriteria())


def on_pictures(reports: list[Report], criteria: SelectionCriteria) -> Decision:
    (decision,) = decisions(reports, criteria, ON_PICTURES)
    return decision


def targets_of(decision: Decision, part: str) -> list[tuple[str, str]]:
    return [(each.backbone.model, each.cell.target.backend) for each in getattr(decision, part)]


def test_with_an_evaluation_all_targets_take_part() -> None:
    """The accuracy on the pictures counts, and the published one does not."""
    decision = joined(timed(GOOD, 9), timed(GOOD_ORT, 5), timed(BAD, 12))

    assert decision.target is None
    assert targets_of(decision, "contenders") == [
        ("badnet", "torch"),
        ("goodnet", "torch"),
        ("goodnet", "ort"),
    ]
    assert targets_of(decision, "pareto_front") == [("goodnet", "ort"), ("goodnet", "torch")]


def test_of_those_not_told_apart_from_the_most_accurate_the_fastest_is_first() -> None:
    """The other one is no better as far as anybody can tell."""
    criteria = SelectionCriteria(limits=Limits(max_latency_ns=20 * MS))
    decision = joined(timed(GOOD, 9), timed(GOOD_ORT, 5), timed(BAD, 1), criteria=criteria)

    assert targets_of(decision, "fitting") == [
        ("goodnet", "ort"),
        ("goodnet", "torch"),
        ("badnet", "torch"),
    ]


def test_a_recall_is_kept_by_its_whole_interval() -> None:
    """That of ``goodnet`` is 82.5 %, 79.4 to 85.6, on torch, and 79.4 %, 76.3 to 82.5, on ORT."""
    criteria = SelectionCriteria(limits=Limits(min_recall=0.79))
    decision = joined(timed(GOOD, 9), timed(GOOD_ORT, 5), timed(BAD, 1), criteria=criteria)

    assert targets_of(decision, "fitting") == [("goodnet", "torch")]


def test_targets_can_be_chosen_beside_an_evaluation() -> None:
    """As without one."""
    decision = joined(
        timed(GOOD, 9), timed(GOOD_ORT, 5), criteria=SelectionCriteria(backends=("torch",))
    )

    assert targets_of(decision, "contenders") == [("goodnet", "torch")]


def test_the_products_of_two_backends_are_no_drift() -> None:
    """Their levels differ by the libraries' speed; only what changes between backbones counts."""
    canaries = tuple(
        canary(launches([[round(time * MS)]]), model, backend=backend, size=64)
        for model, slower in (("goodnet", 1.0), ("badnet", 1.1))
        for backend, time in (("torch", 5 * slower), ("ort", slower))
    )
    found = msgspec.structs.replace(
        report(timed(GOOD, 9), timed(GOOD_ORT, 5), timed(BAD, 1)), canary=canaries
    )
    decision = on_pictures([found], SelectionCriteria())

    assert decision.drift == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize(
    ("limits", "of", "problem"),
    [
        (Limits(min_acc1=70), ON_PICTURES, "use --min-recall"),
        (
            Limits(min_recall=0.9),
            msgspec.structs.replace(ON_PICTURES, ranked_by="roc_auc"),
            "an evaluation of a list has no Recall@1",
        ),
    ],
)
def test_a_limit_without_a_figure_is_refused(limits: Limits, of: Evaluation, problem: str) -> None:
    """Instead of being kept by all or by none."""
    with pytest.raises(InputError, match=problem):
        decisions([report(timed(GOOD, 9))], SelectionCriteria(limits=limits), of)


def test_a_limit_on_recall_needs_an_evaluation() -> None:
    """No report of latencies has that figure."""
    with pytest.raises(InputError, match="--min-recall needs an evaluation beside the report"):
        decisions([report(SMALL)], SelectionCriteria(limits=Limits(min_recall=0.9)))


def test_several_reports_give_one_decision_on_pictures() -> None:
    """Each of them measured other networks on the same machine."""
    reports = [report(timed(GOOD, 9)), report(timed(GOOD_ORT, 5), timed(BAD, 1))]
    decision = on_pictures(reports, SelectionCriteria())

    assert len(decision.contenders) == 3


def test_a_difference_of_nodes_counts_between_backbones_of_different_nodes() -> None:
    """Two intervals that are apart by less than the nodes differ leave both on the front."""
    near = cell("near", 5.5, 70)
    spread = report(MIDDLE, near)
    stops = tuple(
        Stop(
            model=each.identity.model,
            weights=each.identity.weights,
            launches=5,
            needed=None,
            ended_by="launches",
            seconds=1.0,
            node=number,
        )
        for number, each in enumerate((MIDDLE, near), 1)
    )
    nodes = tuple(
        Node(reference=(ReferenceTimes(identity=identity("small"), launches=around(ms)),))
        for ms in (1.0, 1.2)
    )
    on_nodes = msgspec.structs.replace(spread, stops=stops, nodes=nodes)

    (one,), (other,) = (decisions([each], SelectionCriteria()) for each in (spread, on_nodes))

    assert names(one, "pareto_front") == ["middle"]
    assert names(other, "pareto_front") == ["middle", "near"]
    assert other.drift == pytest.approx(0.2)

"""Two reports side by side, from pairs to verdicts."""

import math

import msgspec
import numpy as np
import pytest

from simx.common.errors import ExitCode
from simx.results.comparison.changes import DEFAULT_SPREAD, RunToRun
from simx.results.comparison.digest import COMPARED_SCOPES, CellDigest, Digest
from simx.results.comparison.outcome import Comparison, gate
from simx.results.schema.report import Parity, Similarity
from tests.results.builders import failed, identity
from tests.results.comparison.builders import (
    LAST,
    LATER,
    Times,
    cell,
    compared,
    digest,
    without_times,
)


def verdicts(found: Comparison) -> dict[str, str]:
    return {
        each.new.model: each.forward.verdict for each in found.compared if each.forward is not None
    }


def test_verdicts_of_doctored_times() -> None:
    """What is 10 % slower is slower, and what is 1 or 3 % slower is not beyond 3 %."""
    names = ["alexnet", "resnet18", "vgg11", "vgg13"]
    factors = dict(zip(names, (1.0, 1.01, 1.03, 1.10), strict=True))
    base = digest(*(cell(name) for name in names))
    new = digest(*(cell(name, 50 * factors[name]) for name in names))
    found = compared(base, new)

    assert verdicts(found)["vgg13"] == "slower"
    assert verdicts(found)["vgg11"] == "undecided"
    assert "slower" not in {verdicts(found)[name] for name in ("alexnet", "resnet18")}
    assert [each.new.model for each in found.regressions] == ["vgg13"]
    assert gate([found], "regression") == ExitCode.REGRESSION
    assert gate([found], "never") == ExitCode.DONE
    back = compared(new, base)
    assert verdicts(back)["vgg13"] == "faster"
    assert gate([back], "regression") == ExitCode.DONE


def test_a_report_of_the_same_run_is_equal() -> None:
    """There is only one run, so nothing is allowed for what two of them differ in."""
    found = compared(digest(cell()), digest(cell()))

    assert found.one_run
    assert found.run_to_run.spread == 0
    assert verdicts(found) == {"resnet18": "equivalent"}
    assert gate([found], "inconclusive") == ExitCode.DONE


def test_another_threshold_is_another_question() -> None:
    """A change of 10 % is slower by 3 % and equal by 50 %."""
    base, new = digest(cell()), digest(cell(milliseconds=65), created=LATER)

    assert verdicts(compared(base, new, threshold=0.1)) == {"resnet18": "slower"}
    assert verdicts(compared(base, new, threshold=0.3)) == {"resnet18": "undecided"}
    assert verdicts(compared(base, new, threshold=0.5)) == {"resnet18": "changed"}


def test_repeated_runs_teach_what_runs_differ_in() -> None:
    """Runs that agree make small changes show; runs that do not hide even large ones."""
    base = digest(cell(), cell("vgg11"))
    new = digest(cell(milliseconds=53), cell("vgg11"), created=LAST)
    agreeing = digest(cell(milliseconds=50.02), cell("vgg11", 49.99), created=LATER)
    restless = digest(cell(milliseconds=60), cell("vgg11", 44), created=LATER)

    assert verdicts(compared(base, new, repeats=[agreeing]))["resnet18"] == "slower"
    assert verdicts(compared(base, new, repeats=[restless]))["resnet18"] == "undecided"
    assert compared(base, new, repeats=[restless]).run_to_run.spread > 0.05
    assert compared(base, new).run_to_run == RunToRun(spread=DEFAULT_SPREAD["forward"])


def test_a_slower_machine_is_no_regression() -> None:
    """What the canary shows may be all there is; a faster machine hides no slowdown."""
    base = digest(cell(), canary_ns=1000.0)
    slower = digest(cell(milliseconds=60), canary_ns=1120.0, created=LATER)
    faster = digest(cell(milliseconds=60), canary_ns=900.0, created=LATER)

    assert verdicts(compared(base, slower)) == {"resnet18": "undecided"}
    assert verdicts(compared(base, faster)) == {"resnet18": "slower"}
    assert [shift.ratio for shift in compared(base, slower).machine] == pytest.approx([1.12])


def test_a_mostly_disturbed_run_says_nothing() -> None:
    """However large the change; the middle of it is told, and that it was noisy."""
    noisy = msgspec.structs.replace(cell(milliseconds=200), noisy=True)
    found = compared(digest(cell()), digest(noisy, created=LATER))
    (change,) = found.compared[0].changes

    assert (change.verdict, change.noisy, change.gated, change.listed) == (
        "undecided",
        True,
        False,
        False,
    )
    assert change.ratio == pytest.approx(4)


def test_what_differs_is_listed_and_not_compared() -> None:
    """Unless it is let pass, and then it is still named."""
    its = msgspec.structs.replace(identity(), threads=4)
    base, new = digest(cell()), digest(cell(its=its, milliseconds=100), created=LATER)
    found = compared(base, new)

    assert found.compared == ()
    assert [each.name for each in found.barred[0].barred] == ["threads"]
    assert gate([found], "never") == ExitCode.INCONCLUSIVE
    let_pass = compared(base, new, "threads")
    assert verdicts(let_pass) == {"resnet18": "slower"}
    assert [each.name for each in let_pass.compared[0].allowed] == ["threads"]


def test_another_machine_let_pass_is_what_is_asked_for() -> None:
    """Then its canary accounts for nothing: how it differs is the question."""
    base = digest(cell(), canary_ns=1000.0)
    of = digest(cell(milliseconds=60), canary_ns=1200.0, created=LATER)
    assert of.report.environment is not None
    other = msgspec.structs.replace(of.report.environment, cpu="Other CPU")
    new = msgspec.structs.replace(of, report=msgspec.structs.replace(of.report, environment=other))

    assert verdicts(compared(base, new, "cpu")) == {"resnet18": "slower"}


def test_nothing_is_dropped() -> None:
    """Failed cells and cells that only one report has are told apart from equals."""
    base = digest(
        cell("alexnet"),
        cell("resnet18"),
        cell("vgg11"),
        CellDigest(cell=failed(identity("vgg13")), times=()),
    )
    broken = CellDigest(cell=failed(identity("resnet18"), reason="no memory"), times=())
    new = digest(cell("alexnet"), broken, cell("vgg13"), cell("vgg16"), created=LATER)
    found = compared(base, new)

    assert set(verdicts(found)) == {"alexnet"}
    assert [(each.identity.model, each.base, each.new) for each in found.failures] == [
        ("resnet18", None, "at load: no memory"),
        ("vgg13", "at load: out of memory", None),
    ]
    assert [each.model for each in found.only_base] == ["vgg11"]
    assert [each.model for each in found.only_new] == ["vgg16"]


def test_other_pictures_keep_from_comparing_what_depends_on_them() -> None:
    """``forward`` runs on the export's own pictures and is compared nevertheless."""
    times: Times = {("pipeline", "negative"): [80.0] * 5, ("pipeline", "positive"): [60.0] * 5}
    base, of = digest(cell(times=times)), digest(cell(times=times), created=LATER)
    assert of.report.config is not None
    pictures = dict(of.report.config.pictures)
    pictures["negative"] = msgspec.structs.replace(pictures["negative"], sha256="9" * 64)
    config = msgspec.structs.replace(of.report.config, pictures=pictures)
    new = msgspec.structs.replace(of, report=msgspec.structs.replace(of.report, config=config))

    def scopes(found: Comparison) -> list[tuple[str, str | None]]:
        return [(each.scope, each.image) for each in found.compared[0].changes]

    assert scopes(compared(base, new)) == [("forward", None), ("pipeline", "positive")]
    assert ("pipeline", "negative") in scopes(compared(base, new, "pictures"))
    assert compared(base, new).pictures == ("negative",)


def test_a_vector_that_changed_is_told() -> None:
    """Similarity, dimension and parity are compared, beyond what rounding makes of them."""
    before = without_times(identity())
    after = msgspec.structs.replace(
        before,
        embedding_dim=2048,
        similarity=Similarity(positive=84.127, negative=3.5, negative_resized=None),
        parity=Parity(cosine=0.95, relative_l2=5e-5),
    )
    found = compared(digest(cell(of=before)), digest(cell(of=after), created=LATER))

    assert [(each.name, each.base, each.new) for each in found.cells[0].others] == [
        ("embedding dimension", "512", "2048"),
        ("similarity of the negative", "-1.829 %", "3.500 %"),
        ("similarity of the resized negative", "0.688 %", "undefined"),
        ("parity, L2 error", "2e-07", "5e-05"),
        ("parity, cosine", "1.000000", "0.950000"),
    ]


def test_other_weights_make_no_change_of_similarity() -> None:
    """They are why it differs; what is worth telling is that they do."""
    before = without_times(identity())
    after = msgspec.structs.replace(
        before,
        weights_sha256="f" * 64,
        similarity=Similarity(positive=1.0, negative=1.0, negative_resized=1.0),
    )
    found = compared(digest(cell(of=before)), digest(cell(of=after), created=LATER))

    assert found.cells[0].others == ()


def test_means_of_a_range_are_its_cells_alone() -> None:
    """Each backend has its own; a single cell has none."""
    names = ["resnet18", "resnet34", "googlenet"]
    base = digest(*(cell(name) for name in names), cell(its=identity("alexnet", backend="ort")))
    new = digest(
        *(cell(name, 50 * factor) for name, factor in zip(names, (1.1, 1.2, 1.3), strict=True)),
        cell(its=identity("alexnet", backend="ort")),
        created=LATER,
    )
    (of_range,) = compared(base, new).ranges
    (mean,) = of_range.means

    assert (mean.target.backend, mean.cells) == ("torch", 3)
    assert mean.ratio == pytest.approx(math.prod((1.1, 1.2, 1.3)) ** (1 / 3))
    assert mean.verdict == "slower"


def test_a_quotation_has_a_change_and_no_verdict() -> None:
    """A median without launches does not show its spread."""
    one = cell()
    quoted = msgspec.structs.replace(
        one,
        times=tuple(
            msgspec.structs.replace(time, logs={0: time.logs[0]}, spread=None) for time in one.times
        ),
    )
    found = compared(digest(quoted), digest(cell(milliseconds=100), created=LATER))

    assert found.compared[0].forward is not None
    assert found.compared[0].forward.low is None
    assert verdicts(found) == {"resnet18": "undecided"}


def test_times_of_one_report_alone_are_named() -> None:
    """A time that is no longer measured does not go unnoticed, besides the others."""
    times: Times = {("pipeline", "anchor"): [80.0] * 5, ("pipeline", "negative"): [80.0] * 5}
    base, new = digest(cell(times=times)), digest(cell(times={("host", None): [60.0] * 5}))
    (other,) = compared(base, new).cells[0].others

    assert other.name == "times that the other lacks"
    assert (other.base, other.new) == ("pipeline", "host")


@pytest.mark.parametrize(
    ("base", "new", "names"),
    [
        (Parity(cosine=1.0, relative_l2=1e-2), Parity(cosine=0.99, relative_l2=1e-2), ["cosine"]),
        (Parity(cosine=1.0, relative_l2=1e-7), Parity(cosine=1.0, relative_l2=1e-4), ["L2 error"]),
        (Parity(cosine=1.0, relative_l2=1e-7), Parity(cosine=1 - 1e-7, relative_l2=1e-6), []),
        (Parity(cosine=0.98, relative_l2=0.2), Parity(cosine=0.97, relative_l2=0.25), []),
    ],
)
def test_parity_is_compared_by_both_figures(base: Parity, new: Parity, names: list[str]) -> None:
    """A longer vector of the same direction has another error, a turned one another cosine."""
    cells = [
        cell(of=msgspec.structs.replace(without_times(identity()), parity=parity))
        for parity in (base, new)
    ]
    found = compared(digest(cells[0]), digest(cells[1], created=LATER))

    assert [each.name for each in found.cells[0].others] == [f"parity, {name}" for name in names]


def test_every_scope_is_known_to_have_a_spread() -> None:
    """None is taken to be free of what runs differ in."""
    assert all(DEFAULT_SPREAD[scope] > 0 for scope in COMPARED_SCOPES)


CELLS = [cell(f"model{place}") for place in range(80)]


def simulated(generator: np.random.Generator, created: str) -> Digest:
    """Return a run of cells of the same truth, with launches and runs that differ."""
    return digest(*(_noisy(generator, each) for each in CELLS), created=created)


def _noisy(generator: np.random.Generator, of: CellDigest) -> CellDigest:
    run = generator.normal(17.7, DEFAULT_SPREAD["forward"])
    logs = dict(enumerate(generator.normal(run, 0.01, 5).tolist()))
    (time,) = of.times
    return msgspec.structs.replace(of, times=(msgspec.structs.replace(time, logs=logs),))


def test_null_reports_hardly_ever_gate() -> None:
    """Of 1,000 pairs of 80 equal cells at most 64 may, which is 5 % and chance; at no threshold."""
    generator = np.random.default_rng(20260105)
    gated = {0.03: 0, 1e-9: 0}
    for _ in range(1000):
        base, new = (simulated(generator, created) for created in ("", LATER))
        for threshold in gated:
            gated[threshold] += bool(compared(base, new, threshold=threshold).regressions)

    assert gated[0.03] < gated[1e-9]
    assert 0 < gated[1e-9] <= 64

"""``simx tune``, without its measurements, and ``simx bench --settings``."""

from pathlib import Path

import click
import msgspec
import pytest

from simx.api import tuning as api
from simx.cli import cli
from simx.common.errors import ExitCode
from simx.results.files.journal import Journal, read_journal
from simx.results.files.journal_lines import FinishedLaunch, Header
from simx.results.files.report import read, read_settings
from simx.results.schema.tuning import TunedModel, Tuning
from simx.runner.bench.session import Measuring, Session
from simx.runner.tuning.search import FEWEST_CONFIRMING
from tests.cli.support import TRAINED_WEIGHTS, Simx, run_simx
from tests.results.builders import failed, header
from tests.results.tunings import TUNING

SEED = 3

FAILED = TunedModel(model="resnet18", weights="IMAGENET1K_V1", problem="no candidate is left")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Header]:
    """Answer at once; without time there is a failure."""
    found: list[Header] = []

    def answer(session: Session, journal: Journal, measuring: Measuring) -> Tuning:
        assert callable(measuring)
        found.append(journal.kept.header)
        short = session.config.budget_seconds is not None
        return msgspec.structs.replace(TUNING, models=(FAILED,)) if short else TUNING

    monkeypatch.setattr(api, "tune_backbones", answer)
    return found


def test_options_reach_the_search(simx: Simx, asked: list[Header], folder: Path) -> None:
    """Each has its place, and the result is on stdout."""
    outcome = simx(
        *("tune", "resnet18", "--goal", "throughput", "--max-latency", "50ms", "--backend", "ort"),
        *("--precision", "fp32", "--precision", "int8", "--threads", "3", "--seed", "7"),
        *("--weights", "random", "--store", folder / "store"),
    )
    [header] = asked
    config, inputs, aim = header.report.config, header.inputs, header.aim
    assert config is not None
    assert aim is not None

    assert outcome.code == ExitCode.DONE
    assert "as fast as the defaults" in " ".join(outcome.out.split())
    assert (config.backbones, config.backends, config.threads) == (("resnet18",), ("ort",), 3)
    assert (config.precisions, config.seed, config.weights) == (("fp32", "int8"), 7, "random")
    assert (aim.goal, aim.max_latency) == ("throughput", 0.05)
    assert (inputs.store, inputs.offline) == (str(folder / "store"), False)


def test_a_failure_is_an_exit_code(simx: Simx, asked: list[Header], folder: Path) -> None:
    """What is known is printed."""
    outcome = simx("tune", "resnet18", "--budget", "5m", "--store", folder / "store")

    assert outcome.code == ExitCode.CELLS_FAILED
    assert "no candidate is left" in outcome.out
    assert asked[0].report.config is not None
    assert asked[0].report.config.budget_seconds == 300


def test_a_backbone_is_required(simx: Simx, folder: Path) -> None:
    """It is never all that the store holds."""
    outcome = simx("tune", "--store", folder / "store")

    assert outcome.code == ExitCode.USAGE
    assert outcome.messages == ["simx: no backbone is named; `simx models` lists all there are"]


@pytest.mark.usefixtures("asked")
def test_bench_takes_the_settings(simx: Simx, folder: Path) -> None:
    """They are defaults of its options, which typed options override."""
    simx("tune", "resnet18", "--store", folder / "store", "-o", "tuned.json")
    bench = cli.get_command(click.Context(cli), "bench")
    assert bench is not None
    typed = ["resnet18", "--threads", "4", "--settings", "tuned.json"]
    given = bench.make_context("bench", typed).params

    assert given["backend"] == ("ort", "ort:spinning")
    assert given["provider"] == ("CPUExecutionProvider",)
    assert (given["precision"], given["batch"], given["threads"]) == (("fp32",), (1, 8), (4,))
    assert given["settings"] == Path("tuned.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "not a sound result: Object missing required field"),
        ('{"settings": {"backend": 1}}', "not a sound result"),
        ("backend = 1", "not a sound result: not JSON"),
        (None, "no such file"),
    ],
)
def test_other_files_are_no_settings(
    simx: Simx, folder: Path, content: str | None, message: str
) -> None:
    """In one line, with the file and what to give instead."""
    if content is not None:
        (folder / "tuned.json").write_text(content)
    outcome = simx("bench", "resnet18", "--settings", "tuned.json", "--store", folder / "store")

    assert outcome.code == ExitCode.USAGE
    assert len(outcome.messages) == 1
    assert outcome.messages[0].startswith("simx: settings tuned.json: ")
    assert message in outcome.messages[0]
    assert outcome.messages[0].endswith("give a result that `simx tune` wrote")


@pytest.mark.usefixtures("asked")
def test_settings_are_not_overwritten(simx: Simx, folder: Path) -> None:
    """A report does not replace the file that it was asked for with."""
    simx("tune", "resnet18", "--store", folder / "store", "-o", "tuned.json")
    before = (folder / "tuned.json").read_bytes()
    outcome = simx(
        *("bench", "resnet18", "--settings", "tuned.json", "--store", folder / "store"),
        *("-o", "tuned.json", "--force"),
    )

    assert outcome.code == ExitCode.USAGE
    assert (folder / "tuned.json").read_bytes() == before


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> list[FinishedLaunch]:
    """A search that ends after its first launch, and finds that again when it goes on."""
    kept: list[FinishedLaunch] = []

    def search(session: Session, journal: Journal, measuring: Measuring) -> Tuning:
        if not journal.kept.launches:
            journal.append(FinishedLaunch(cells=(failed(),)))
            raise KeyboardInterrupt
        assert callable(measuring)
        assert session.config.seed == SEED
        kept.extend(journal.kept.launches)
        return TUNING

    monkeypatch.setattr(api, "tune_backbones", search)
    return kept


def test_an_interrupted_search_is_resumed(
    simx: Simx, interrupted: list[FinishedLaunch], folder: Path
) -> None:
    """By its report, with its own options; what it measured is there."""
    typed = ("resnet18", "--seed", str(SEED), "--store", folder / "store", "--weights", "random")
    ended = simx("tune", *typed, "-o", "tuned.json")
    in_the_way = simx("tune", *typed, "-o", "tuned.json")
    resumed = simx("tune", "--resume", "tuned.json")

    assert ended.code == ExitCode.INTERRUPTED
    assert "what is finished is kept; go on: simx tune --resume tuned.json" in ended.err
    assert "finish that with 'simx tune --resume tuned.json'" in in_the_way.err
    assert resumed.code == ExitCode.DONE
    assert len(interrupted) == 1
    assert read_settings(folder / "tuned.json") == TUNING.settings
    assert not (folder / "tuned.json.journal").exists()


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (("tune", "--goal", "throughput"), "--goal was latency and is throughput"),
        (("tune", "--max-latency", "5ms"), "--max-latency was none and is 0.005"),
        (("tune", "--seed", "4"), "--seed was 3 and is 4"),
        (("tune", "--backend", "torch"), "--backend was torch, ort and is torch"),
        (("bench",), "the run was begun by `simx tune`; resume it with that command"),
    ],
    ids=lambda of: of[-1] if isinstance(of, tuple) else "",
)
@pytest.mark.usefixtures("interrupted")
def test_another_search_is_not_resumed(
    simx: Simx, folder: Path, typed: tuple[str, ...], reason: str
) -> None:
    """In one line that says what differs; the journal stays."""
    begun = ("resnet18", "--seed", str(SEED), "--store", folder / "store", "--weights", "random")
    simx("tune", *begun, "-o", "tuned.json")
    refused = simx(*typed, "--resume", "tuned.json")

    assert (refused.code, len(refused.messages)) == (ExitCode.USAGE, 1)
    assert reason in refused.err
    assert len(read_journal(folder / "tuned.json.journal").launches) == 1


def test_a_search_does_not_resume_a_benchmark(simx: Simx, folder: Path) -> None:
    """They have journals of one form."""
    with Journal.begin(folder / "report.json.journal", header()) as journal:
        journal.append(FinishedLaunch(cells=(failed(),)))
    refused = simx("tune", "--resume", "report.json")

    assert refused.code == ExitCode.USAGE
    assert "begun by `simx bench`; resume it with that command" in refused.err


def test_a_search_from_weights_to_settings_for_bench(folder: Path) -> None:
    """Without time it is one launch of all candidates, five that confirm, and a report of bench."""
    measured = ("squeezenet1_1", "--weights", TRAINED_WEIGHTS, "--store", folder / "store")
    searched = run_simx(
        *("tune", *measured, "--backend", "ort", "--backend", "again=ort", "--threads", "1"),
        *("--budget", "1ms", "-o", "tuned.json"),
        cwd=folder,
    )
    tuning = msgspec.json.decode((folder / "tuned.json").read_bytes())
    [model] = tuning["models"]
    reported = run_simx(
        *("bench", *measured, "--settings", "tuned.json", "--launches", "1", "--rounds", "1"),
        *("-o", "report.json", "--format", "json"),
        cwd=folder,
    )
    cells = read(folder / "report.json").cells

    assert searched.code == ExitCode.DONE
    assert searched.messages == ["simx: report saved as tuned.json"]
    assert (model["launches"], model["confirming"]) == (1, FEWEST_CONFIRMING)
    assert {each["settings"]["backend"] for each in model["confirmed"]} >= {"ort", "again=ort"}
    assert model["best"]["backend"] in tuning["settings"]["backend"]
    assert reported.code == ExitCode.DONE
    assert len(cells) == len(tuning["settings"]["backend"])

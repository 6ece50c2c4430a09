"""``simx tune``, without its measurements, and ``simx bench --settings``."""

from pathlib import Path

import click
import msgspec
import pytest

from simx.api import tuning as api
from simx.cli import cli
from simx.common.errors import ExitCode
from simx.exporter.jobs.plan import ExportListener
from simx.results.files.journal_lines import Inputs
from simx.results.files.report import read
from simx.results.schema.config import Config
from simx.results.schema.tuning import TunedModel, Tuning
from simx.runner.bench.session import Measuring
from simx.runner.tuning.tuner import FEWEST_CONFIRMING, Aim
from tests.cli.support import TRAINED_WEIGHTS, Simx, run_simx
from tests.results.tunings import TUNING

FAILED = TunedModel(model="resnet18", weights="IMAGENET1K_V1", problem="no candidate is left")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Config, Inputs, Aim]]:
    """Answer at once; without time there is a failure."""
    found: list[tuple[Config, Inputs, Aim]] = []

    def answer(
        config: Config, inputs: Inputs, aim: Aim, listener: ExportListener, measuring: Measuring
    ) -> Tuning:
        assert isinstance(listener, ExportListener)
        assert callable(measuring)
        found.append((config, inputs, aim))
        short = config.budget_seconds is not None
        return msgspec.structs.replace(TUNING, models=(FAILED,)) if short else TUNING

    monkeypatch.setattr(api, "tune_backbones", answer)
    return found


def test_options_reach_the_search(
    simx: Simx, asked: list[tuple[Config, Inputs, Aim]], folder: Path
) -> None:
    """Each has its place, and the result is on stdout."""
    outcome = simx(
        *("tune", "resnet18", "--goal", "throughput", "--max-latency", "50ms", "--backend", "ort"),
        *("--precision", "fp32", "--precision", "int8", "--threads", "3", "--seed", "7"),
        *("--weights", "random", "--store", folder / "store"),
    )
    [(config, inputs, aim)] = asked

    assert outcome.code == ExitCode.DONE
    assert "as fast as the defaults" in " ".join(outcome.out.split())
    assert (config.backbones, config.backends, config.threads) == (("resnet18",), ("ort",), 3)
    assert (config.precisions, config.seed, config.weights) == (("fp32", "int8"), 7, "random")
    assert (aim.goal, aim.max_latency_seconds) == ("throughput", 0.05)
    assert (inputs.store, inputs.offline) == (str(folder / "store"), False)


def test_a_failure_is_an_exit_code(
    simx: Simx, asked: list[tuple[Config, Inputs, Aim]], folder: Path
) -> None:
    """What is known is printed."""
    outcome = simx("tune", "resnet18", "--budget", "5m", "--store", folder / "store")

    assert outcome.code == ExitCode.CELLS_FAILED
    assert "no candidate is left" in outcome.out
    assert asked[0][0].budget_seconds == 300


def test_a_backbone_is_required(simx: Simx, folder: Path) -> None:
    """It is never all that the store holds."""
    outcome = simx("tune", "--store", folder / "store")

    assert outcome.code == ExitCode.USAGE
    assert outcome.messages == ["simx: no backbone is named; `simx models` lists all there are"]


@pytest.mark.usefixtures("asked")
def test_bench_takes_the_settings(simx: Simx, folder: Path) -> None:
    """They are defaults of its options, which typed options override."""
    simx("tune", "resnet18", "--store", folder / "store", "--format", "json", "-o", "tuned.json")
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
    assert outcome.messages[0].endswith("give what `simx tune --format json -o FILE` wrote")


@pytest.mark.usefixtures("asked")
def test_settings_are_not_overwritten(simx: Simx, folder: Path) -> None:
    """A report does not replace the file that it was asked for with."""
    simx("tune", "resnet18", "--store", folder / "store", "--format", "json", "-o", "tuned.json")
    before = (folder / "tuned.json").read_bytes()
    outcome = simx(
        *("bench", "resnet18", "--settings", "tuned.json", "--store", folder / "store"),
        *("-o", "tuned.json", "--force"),
    )

    assert outcome.code == ExitCode.USAGE
    assert (folder / "tuned.json").read_bytes() == before


def test_a_search_from_weights_to_settings_for_bench(folder: Path) -> None:
    """Without time it is one launch of all candidates, five that confirm, and a report of bench."""
    measured = ("squeezenet1_1", "--weights", TRAINED_WEIGHTS, "--store", folder / "store")
    searched = run_simx(
        *("tune", *measured, "--backend", "ort", "--backend", "again=ort", "--threads", "1"),
        *("--budget", "1ms", "--format", "json", "-o", "tuned.json"),
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

    assert (searched.code, searched.messages) == (ExitCode.DONE, [])
    assert (model["launches"], model["confirming"]) == (1, FEWEST_CONFIRMING)
    assert {each["settings"]["backend"] for each in model["confirmed"]} >= {"ort", "again=ort"}
    assert model["best"]["backend"] in tuning["settings"]["backend"]
    assert reported.code == ExitCode.DONE
    assert len(cells) == len(tuning["settings"]["backend"])

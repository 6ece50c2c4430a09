"""``simx explain``, without its measurements."""

from pathlib import Path

import pytest

from simx.api import explaining as api
from simx.common.errors import ExitCode
from simx.exporter.jobs.plan import ExportListener
from simx.results.files.journal_lines import Inputs
from simx.results.schema.config import Config
from simx.results.schema.explanation import Explanation
from simx.runner.bench.session import Measuring
from simx.runner.explaining.profiles import TargetFailedError
from tests.cli.support import Simx
from tests.results.explanations import EXPLANATION


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Config, Inputs]]:
    """Answer at once; with one thread a target fails."""
    found: list[tuple[Config, Inputs]] = []

    def answer(
        config: Config,
        inputs: Inputs,
        listener: ExportListener,
        measuring: Measuring,
        *,
        by_setting: bool,
    ) -> Explanation:
        assert by_setting == (config.threads == 3)
        assert isinstance(listener, ExportListener)
        assert callable(measuring)
        found.append((config, inputs))
        if config.threads == 1:
            raise TargetFailedError("ort cpu fp32 fails at prepare: no network today")
        return EXPLANATION

    monkeypatch.setattr(api, "explain_backbone", answer)
    return found


def test_options_reach_the_measurement(
    simx: Simx, asked: list[tuple[Config, Inputs]], folder: Path
) -> None:
    """Each has its place, and the result is on stdout."""
    outcome = simx(
        *("explain", "resnet18", "--backend", "ort", "--precision", "fp32", "--precision", "int8"),
        *(
            "--threads",
            "3",
            "--by-setting",
            "--seed",
            "7",
            "--weights",
            "random",
            "--store",
            folder / "store",
        ),
    )
    [(config, inputs)] = asked

    assert outcome.code == ExitCode.DONE
    assert "Depthwise convolutions: 67 % of what torch loses" in " ".join(outcome.out.split())
    assert (config.backbones, config.backends, config.threads) == (("resnet18",), ("ort",), 3)
    assert (config.precisions, config.seed, config.weights) == (("fp32", "int8"), 7, "random")
    assert (inputs.store, inputs.offline) == (str(folder / "store"), False)


@pytest.mark.usefixtures("asked")
def test_a_trace_is_written_beside_the_result(simx: Simx, folder: Path) -> None:
    """An earlier one is replaced, any other file is refused, and so is the result's."""
    trace, command = folder / "trace.json", ("explain", "resnet18", "--store", folder / "store")

    for _ in range(2):
        assert simx(*command, "--chrome-trace", trace).code == ExitCode.DONE
    assert '"traceEvents"' in trace.read_text()

    trace.write_text("mine")
    assert simx(*command, "--chrome-trace", trace).code == ExitCode.USAGE
    assert trace.read_text() == "mine"

    page = folder / "page.html"
    outcome = simx(*command, "--format", "html", "-o", page, "--chrome-trace", page)
    assert outcome.code == ExitCode.USAGE
    assert not page.exists()


@pytest.mark.usefixtures("asked")
def test_a_target_that_fails_is_an_exit_code(simx: Simx, folder: Path) -> None:
    """And one line."""
    outcome = simx("explain", "resnet18", "--threads", "1", "--store", folder / "store")

    assert outcome.code == ExitCode.CELLS_FAILED
    assert outcome.messages == ["simx: ort cpu fp32 fails at prepare: no network today"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--backend", "ort"), "two targets are compared, and these are named: ort CPUExec"),
        (("--precision", "fp32", "--precision", "fp16"), "ort CPUExecutionProvider fp16; name two"),
    ],
)
def test_two_targets_are_needed(
    simx: Simx, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Found before any export."""
    outcome = simx("explain", "resnet18", *arguments, "--store", folder / "store")

    assert outcome.code == ExitCode.USAGE
    assert message in outcome.messages[-1]
    assert not (folder / "store").exists()


def test_one_backbone_is_explained(simx: Simx, folder: Path) -> None:
    """A glob that means several is refused before any export."""
    outcome = simx("explain", "resnet*", "--store", folder / "store")

    assert outcome.code == ExitCode.USAGE
    assert "one backbone is explained at a time" in outcome.messages[-1]
    assert not (folder / "store").exists()

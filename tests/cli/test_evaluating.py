"""``simx evaluate``, from labelled pictures to a report, on one small backbone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from simx.common.errors import ExitCode
from simx.results.files.evaluation import read_evaluation
from simx.results.schema.evaluation import EvaluatedCell, Evaluation
from tests.cli.support import TRAINED_WEIGHTS, Outcome, isolated, run_simx
from tests.evaluation.labelled import labelled_folder

TRAINED = ("squeezenet1_1", "--weights", TRAINED_WEIGHTS)
RANDOM = ("squeezenet1_1", "--weights", "random")
COMMON = ("--threads", "1", "--resamples", "200")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labelled pictures, one of which is damaged, and a store for all tests."""
    folder = tmp_path_factory.mktemp("evaluating")
    labelled_folder(folder / "pictures", copies=6)
    (folder / "pictures" / "anchor 0" / "damaged.png").write_bytes(b"no picture")
    return folder


def evaluate(home: Path, *arguments: str | Path) -> tuple[Outcome, Evaluation]:
    report = home / f"{time.monotonic_ns()}.json"
    outcome = run_simx(
        *("evaluate", *arguments, *COMMON, "--store", "store", "-o", report), cwd=home
    )
    return outcome, read_evaluation(report)


@pytest.fixture(scope="module")
def trained(home: Path) -> tuple[Outcome, Evaluation]:
    return evaluate(home, "pictures", *TRAINED)


@pytest.fixture(scope="module")
def untrained(home: Path) -> tuple[Outcome, Evaluation]:
    return evaluate(home, "pictures", *RANDOM, "--backend", "torch")


def cells(found: Evaluation) -> list[EvaluatedCell]:
    return [each for each in found.cells if isinstance(each, EvaluatedCell)]


def recall(found: Evaluation) -> float:
    its = cells(found)[0].retrieval
    assert its is not None
    return its.map_at_r.value


def test_trained_weights_find_more_than_random_ones(
    trained: tuple[Outcome, Evaluation], untrained: tuple[Outcome, Evaluation]
) -> None:
    """What a search by chance finds is a fourteenth; the intervals are apart."""
    chance = 5 / 71
    good, bad = (cells(found)[0].retrieval for _, found in (trained, untrained))
    assert good is not None
    assert bad is not None
    assert good.map_at_r.low is not None
    assert bad.map_at_r.high is not None

    assert good.map_at_r.low > bad.map_at_r.high
    assert good.map_at_r.low > 3 * chance


def test_both_backends_find_the_same(trained: tuple[Outcome, Evaluation]) -> None:
    """ONNX Runtime keeps PyTorch's neighbours, and neither is behind the other."""
    outcome, found = trained
    torch, ort = cells(found)

    assert outcome.code == ExitCode.DONE
    assert torch.neighbours_kept is None
    assert ort.neighbours_kept is not None
    assert ort.neighbours_kept.value > 0.99
    assert abs(ort.behind.value) < 0.01
    assert ort.placement["CPUExecutionProvider"] > 0
    assert "Best by mAP@R: squeezenet1_1:squeezenet1_1 on " in outcome.out


def test_a_damaged_picture_is_a_line_and_not_the_end(trained: tuple[Outcome, Evaluation]) -> None:
    """The terminal shows its path, and the report has its hash and the reason."""
    outcome, found = trained
    (bad,) = found.pictures.unreadable

    assert found.pictures.pictures == 72
    assert bad.reason.startswith("picture is not a picture that can be read")
    assert any("damaged.png" in line for line in outcome.messages)


def test_a_report_has_no_name_of_a_picture_or_a_folder(
    home: Path, trained: tuple[Outcome, Evaluation]
) -> None:
    """Neither classes nor files nor the machine."""
    (report,) = (path for path in home.glob("*.json") if read_evaluation(path) == trained[1])
    text = report.read_text()

    for name in ("damaged", "anchor", ".png", str(home), "pictures/", "squeezenet1_1.safetensors"):
        assert name not in text


def test_the_next_run_embeds_nothing(home: Path, trained: tuple[Outcome, Evaluation]) -> None:
    """It has the same figures, because seed and embeddings are the same."""
    _, again = evaluate(home, "pictures", *TRAINED)

    assert [each.throughput.reused for each in cells(again)] == [72, 72]
    assert [each.separation for each in cells(again)] == [
        each.separation for each in cells(trained[1])
    ]


def test_a_list_of_triplets_uses_the_kept_embeddings(
    home: Path, trained: tuple[Outcome, Evaluation]
) -> None:
    """The figure is the share of right triplets."""
    lines = [
        f"pictures/anchor {n}/0.png,pictures/anchor {n}/1.png,pictures/negative {n}/2.png"
        for n in range(4)
    ]
    (home / "list.csv").write_text("\n".join(["anchor,positive,negative", *lines]))
    outcome, found = evaluate(home, "list.csv", *TRAINED)
    (torch, _) = cells(found)

    assert found.ranked_by == "triplet_accuracy"
    assert torch.triplet_accuracy is not None
    assert torch.triplet_accuracy.value >= 0.75
    assert torch.throughput.embedded == 0
    assert "right triplets" in outcome.out
    assert trained[1].ranked_by == "map_at_r"


def test_the_page_has_small_pictures_of_pairs(
    home: Path, trained: tuple[Outcome, Evaluation]
) -> None:
    """Of the best cell, and none where they are left out; the report itself has none."""
    assert trained[0].code == ExitCode.DONE
    with_pictures, found = evaluate(home, "pictures", *TRAINED, "--format", "html")
    without, _ = evaluate(home, "pictures", *TRAINED, "--format", "html", "--no-pictures")

    pictures = with_pictures.out.count('<img src="data:image/jpeg;base64,')
    assert 2 * 6 <= pictures <= 2 * 4 * 6
    assert "Nearest to the threshold" in with_pictures.out
    assert len(with_pictures.out) - len(without.out) < pictures * 10_000
    assert "<img" not in without.out
    assert b"base64" not in msgspec.json.encode(found)
    assert all(each.search_seconds for each in cells(found))
    for name in ("anchor 0", str(home)):
        assert name not in with_pictures.out


def test_pictures_without_classes_are_compared_with_their_changes(home: Path) -> None:
    """Each is embedded in eight forms."""
    flat = home / "flat"
    flat.mkdir()
    for place, path in enumerate(sorted((home / "pictures").glob("*/0.png"))[:6]):
        (flat / f"{place}.png").write_bytes(path.read_bytes())
    outcome, found = evaluate(home, "flat", *TRAINED, "--backend", "ort")

    assert outcome.code == ExitCode.DONE
    assert (found.pictures.truth, found.pictures.embedded, found.pictures.classes) == (
        "changes",
        48,
        6,
    )
    assert recall(found) > 0.5


def test_a_killed_run_goes_on(home: Path, trained: tuple[Outcome, Evaluation]) -> None:
    """What was embedded before the end of the process is used by the next one."""
    assert trained[0].code == ExitCode.DONE
    command = (
        *(sys.executable, "-m", "simx", "evaluate", "pictures", *TRAINED, *COMMON),
        *("--store", "store", "--cache", "killed", "--batch", "1", "--backend", "torch"),
    )
    process = subprocess.Popen(
        command, cwd=home, env=os.environ | isolated(home), stderr=subprocess.DEVNULL
    )
    rows = home / "killed"
    while not any(path.stat().st_size for path in rows.glob("*/embeddings")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, found = evaluate(home, "pictures", *TRAINED, "--cache", "killed", "--backend", "torch")
    (cell,) = cells(found)

    assert cell.throughput.reused > 0
    assert cell.throughput.reused + cell.throughput.embedded == 72


def test_several_weights_of_a_backbone_are_compared(home: Path) -> None:
    """Each has its cells, by the name of its file, and neighbours of its own to keep."""
    copy = home / "copy.safetensors"
    copy.write_bytes(Path(TRAINED_WEIGHTS).read_bytes())
    outcome, found = evaluate(
        home, "pictures", *TRAINED, "--weights", "random", "--weights", f"squeezenet1_1={copy}"
    )
    its = cells(found)
    best = [each.behind.value for each in its]

    assert outcome.code == ExitCode.DONE
    assert found.config.weights == ("file", "random")
    assert [each.weights_file for each in its] == [
        *(["squeezenet1_1"] * 2 + [None] * 2 + ["copy"] * 2)
    ]
    assert len({each.weights_sha256 for each in its}) == 2
    assert [each.neighbours_kept is None for each in its] == [True, False, True] + [False] * 3
    assert all(each.neighbours_kept.value > 0.99 for each in its if each.neighbours_kept)
    assert best[:2] == best[4:]
    assert its[2].behind.low is not None
    assert its[2].behind.low > 0


def test_a_list_that_is_connected_has_no_held_out_accuracy(home: Path) -> None:
    """A note says why."""
    lines = [f"pictures/anchor 0/{n}.png,pictures/anchor 0/{n + 1}.png,1" for n in range(3)]
    lines += [f"pictures/anchor 0/{n}.png,pictures/negative 0/0.png,0" for n in range(3)]
    (home / "one part.csv").write_text("\n".join(["first,second,same", *lines]))
    outcome, found = evaluate(home, "one part.csv", *RANDOM, "--backend", "ort")

    assert cells(found)[0].separation.held_out_accuracy is None
    assert "held-out" in found.notes[-1]
    assert any("lines of the list are connected" in line for line in outcome.messages)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("pictures", *TRAINED, "--weights", "vgg11=random"), "vgg11 is not selected"),
        (("nowhere", *RANDOM), "pictures nowhere: no such file; name a folder"),
        (("store", *RANDOM), "pictures store: has no pictures"),
        (("pictures", "nonet"), "nonet"),
        (("pictures", *RANDOM, "--backend", "tensor"), "no such backend"),
    ],
)
def test_wrong_arguments_are_one_line(
    home: Path, arguments: tuple[str | Path, ...], problem: str
) -> None:
    """They are found before any work."""
    (home / "store").mkdir(exist_ok=True)
    outcome = run_simx("evaluate", *arguments, "--store", "elsewhere", cwd=home)

    assert outcome.code == ExitCode.USAGE
    assert problem in outcome.messages[-1]
    assert not (home / "elsewhere").exists()

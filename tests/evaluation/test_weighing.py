"""Which backbones get which weights: keywords, and one or several files."""

from pathlib import Path

import pytest

from simx.common.errors import InputError
from simx.evaluation.weighing import Weighting, weightings
from simx.exporter.jobs.plan import ExportPlan
from simx.exporter.store.store import Store
from simx.exporter.weights.request import WeightsRequest

SELECTED = ("alexnet", "vgg11")

PLAN = ExportPlan(embedding="pooled", request=WeightsRequest("auto"), threads=1)

Found = list[tuple[tuple[str, ...], str, str | None]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with weights files."""
    for name in ("a.pth", "b.pth", "more/a.safetensors", "epoch=3-step=9.ckpt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weighted(texts: tuple[str, ...], names: tuple[str, ...], key: str | None = None) -> Found:
    def plain(each: Weighting) -> tuple[tuple[str, ...], str, str | None]:
        return tuple(of.name for of in each.backbones), each.plan.request.kind, each.file

    return list(map(plain, weightings(texts, key, names, Store(Path("store")), PLAN)))


@pytest.mark.parametrize(
    ("texts", "names", "expected"),
    [
        (("auto",), SELECTED, [(SELECTED, "auto", None)]),
        (("a.pth",), ("alexnet",), [(("alexnet",), "file", "a")]),
        (
            ("pretrained", "a.pth", "b.pth"),
            ("alexnet",),
            [
                (("alexnet",), "pretrained", None),
                (("alexnet",), "file", "a"),
                (("alexnet",), "file", "b"),
            ],
        ),
        (
            ("alexnet=a.pth", "vgg11=b.pth"),
            SELECTED,
            [(("alexnet",), "file", "a"), (("vgg11",), "file", "b")],
        ),
        (
            ("alexnet=random", "vgg11=b.pth"),
            (),
            [(("alexnet",), "random", None), (("vgg11",), "file", "b")],
        ),
        (
            ("a.pth", "more/a.safetensors", "a.pth"),
            ("alexnet",),
            [(("alexnet",), "file", "a"), (("alexnet",), "file", "a (2)")],
        ),
        (
            ("epoch=3-step=9.ckpt",),
            ("alexnet",),
            [(("alexnet",), "file", "epoch=3-step=9")],
        ),
    ],
)
def test_every_value_is_for_the_backbones_that_it_can_mean(
    folder: Path, texts: tuple[str, ...], names: tuple[str, ...], expected: Found
) -> None:
    """Keywords for all that are selected, files for one, and no name twice."""
    assert folder.is_dir()
    assert weighted(texts, names) == expected


@pytest.mark.parametrize(
    ("texts", "names", "key", "problem"),
    [
        (("a.pth",), SELECTED, None, "2 are selected; name it, as in alexnet=a.pth"),
        (("vgg*=a.pth",), (), None, "8 are selected; name it, as in vgg11=a.pth"),
        (("a.pth",), (), None, "name the backbone it is for"),
        (("vgg11=a.pth",), ("alexnet",), None, "vgg11 is not selected"),
        (("vgg11=a.pth",), SELECTED, None, "alexnet gets none; add --weights alexnet=FILE"),
        (("c.pth",), ("alexnet",), None, "weights file c.pth: no such file"),
        (("resnet=a.pth",), ("alexnet",), None, "weights file resnet=a.pth: no such file"),
        (("auto",), ("alexnet",), "model", "--weights-key works only with --weights FILE"),
        ((" ",), ("alexnet",), None, "--weights is empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, texts: tuple[str, ...], names: tuple[str, ...], key: str | None, problem: str
) -> None:
    """In one line that says what to write."""
    assert folder.is_dir()
    with pytest.raises(InputError) as error:
        weighted(texts, names, key)

    assert problem in str(error.value)


def test_a_key_is_for_the_files(folder: Path) -> None:
    """Keywords beside them have none."""
    found = weightings(
        ("random", "a.pth", "b.pth"), "ema", ("alexnet",), Store(folder / "store"), PLAN
    )

    assert [each.plan.request.key for each in found] == [None, "ema", "ema"]

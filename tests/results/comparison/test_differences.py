"""What keeps cells from being compared."""

from typing import Any

import msgspec
import pytest

from simx.results.comparison.differences import differences, pictures_that_differ
from simx.results.comparison.digest import Digest
from simx.results.schema.environment import Environment, Gpu, OtherEnvironment
from simx.results.schema.report import MeasuredCell, Report
from tests.results.builders import identity
from tests.results.comparison.builders import cell, digest, without_times

ORT = identity(backend="ort")


def named(base: MeasuredCell, new: MeasuredCell) -> list[str]:
    one, other = cell(of=base), cell(of=new)
    return [each.name for each in differences(digest(one), digest(other), (one, other))]


def environment(**changes: Any) -> Report:
    of = digest().report
    assert of.environment is not None
    return msgspec.structs.replace(
        of, environment=msgspec.structs.replace(of.environment, **changes)
    )


def test_equals_do_not_differ() -> None:
    """Nothing keeps a cell from being compared with itself."""
    assert named(without_times(ORT), without_times(ORT)) == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("weights", {"weights_sha256": "f" * 64}),
        ("weights", {"weights_origin": "random"}),
        ("graph", {"artefact_sha256": "f" * 64}),
        ("placement", {"placement": {"CPUExecutionProvider": 3}}),
        ("settings", {"settings": {"denormals": "flushed"}}),
        ("threads", {"identity": msgspec.structs.replace(ORT, threads=4)}),
        ("provider", {"identity": msgspec.structs.replace(ORT, provider="CUDAExecutionProvider")}),
        ("precision", {"identity": msgspec.structs.replace(ORT, precision="fp16")}),
        ("batch", {"identity": msgspec.structs.replace(ORT, batch=8)}),
        ("embedding", {"identity": msgspec.structs.replace(ORT, embedding="flat")}),
        ("placement", {"identity": msgspec.structs.replace(ORT, backend="ort:partial=1/2")}),
    ],
)
def test_what_ran_has_to_be_the_same(name: str, changes: dict[str, Any]) -> None:
    """Another file, other settings or another way to run it is another thing."""
    base = without_times(ORT)

    assert named(base, msgspec.structs.replace(base, **changes)) == [name]


@pytest.mark.parametrize(
    ("name", "backend", "changes"),
    [
        ("cpu", "ort", {"cpu": "Other CPU"}),
        ("cores", "ort", {"affinity_cores": 4}),
        ("cores", "ort", {"quota_cores": 1.5}),
        ("governor", "ort", {"governor": "powersave"}),
        ("governor", "ort", {"boost": False}),
        ("onnxruntime", "ort", {"libraries": {"torch": "2.14.1", "onnxruntime": "1.33.0"}}),
        ("onnxruntime", "ort:spinning", {"libraries": {"torch": "2.14.1"}}),
        ("torch", "torch", {"libraries": {"torch": "2.15.0", "onnxruntime": "1.32.0"}}),
    ],
)
def test_where_it_ran_has_to_be_the_same(name: str, backend: str, changes: dict[str, Any]) -> None:
    """Another machine, or another version of what executes, is a difference."""
    of = cell(its=identity(backend=backend))
    base, new = digest(of), msgspec.structs.replace(digest(of), report=environment(**changes))

    assert [each.name for each in differences(base, new, (of, of))] == [name]


def test_a_cell_of_another_environment_has_the_library_of_that_one() -> None:
    """This environment's version does not matter to it, and the other's does."""
    of = cell(its=identity(backend="new:spinning"))
    here = {"torch": "2.14.1", "onnxruntime": "1.32.0"}

    def of_versions(there: str, libraries: dict[str, str]) -> Digest:
        other = OtherEnvironment(backend="ort", python="3.12.1", libraries={"onnxruntime": there})
        changed = environment(others={"new": other}, libraries=libraries)
        return msgspec.structs.replace(digest(of), report=changed)

    base = of_versions("1.31.1", here)
    equal = of_versions("1.31.1", {**here, "onnxruntime": "1.33.0"})
    (found,) = differences(base, of_versions("1.30.0", here), (of, of))
    assert differences(base, equal, (of, of)) == ()
    assert (found.name, found.base, found.new) == (
        "onnxruntime",
        "onnxruntime 1.31.1",
        "onnxruntime 1.30.0",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"libraries": {"torch": "9.9", "onnxruntime": "1.32.0"}},
        {"memory_bytes": 1},
        {"system": "Linux 9"},
        {
            "gpus": (
                Gpu(
                    name="G",
                    driver="1",
                    memory_bytes=1,
                    core_clock_mhz=None,
                    memory_clock_mhz=None,
                ),
            )
        },
    ],
)
def test_what_does_not_matter_is_no_difference(changes: dict[str, Any]) -> None:
    """Another torch does not keep ONNX Runtime's cells apart, nor a GPU the CPU's."""
    of = cell(its=ORT)
    new = msgspec.structs.replace(digest(of), report=environment(**changes))

    assert differences(digest(of), new, (of, of)) == ()


def test_a_gpu_matters_to_what_runs_on_it() -> None:
    """The same cell on another board is another figure."""
    of = cell(its=identity(backend="ort", provider="CUDAExecutionProvider"))
    gpu = Gpu(name="G", driver="1", memory_bytes=1, core_clock_mhz=None, memory_clock_mhz=None)
    new = msgspec.structs.replace(digest(of), report=environment(gpus=(gpu,)))
    (found,) = differences(digest(of), new, (of, of))

    assert (found.name, found.base, found.new) == ("gpu", "none reported", "G, driver 1")


def test_what_is_not_known_differs_from_what_is() -> None:
    """A report that says nothing of its machine is not taken to be from the same one."""
    of = cell(its=ORT)
    unknown = msgspec.structs.replace(
        digest(of), report=msgspec.structs.replace(digest().report, environment=None)
    )
    found = differences(unknown, digest(of), (of, of))

    assert {each.name for each in found} == {"cpu", "cores", "governor", "onnxruntime"}
    assert {each.base for each in found} == {None}
    assert differences(unknown, unknown, (of, of)) == ()


def test_pictures_that_differ() -> None:
    """By what is in them, each by its name."""
    base = digest()
    assert base.report.config is not None
    picture = base.report.config.pictures["anchor"]
    pictures = {
        **base.report.config.pictures,
        "negative": msgspec.structs.replace(picture, sha256="9" * 64),
    }
    config = msgspec.structs.replace(base.report.config, pictures=pictures)
    new = msgspec.structs.replace(base, report=msgspec.structs.replace(base.report, config=config))

    assert pictures_that_differ(base, new) == ("negative",)
    assert pictures_that_differ(base, base) == ()
    assert isinstance(base.report.environment, Environment)

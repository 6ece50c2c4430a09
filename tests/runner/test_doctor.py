"""What an installation can do, with proof of each provider."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from simx.results.schema.diagnosis import Diagnosis, ProviderDiagnosis, StoreDiagnosis
from simx.results.schema.environment import Environment, OtherEnvironment
from simx.runner import doctor
from simx.runner.bench.environment import describe_environment
from simx.runner.doctor import STORE_BYTES, diagnose, judged
from tests.runner.fakes import target

USABLE = ProviderDiagnosis(
    backend="ort",
    provider="CPUExecutionProvider",
    named=False,
    proof={"CPUExecutionProvider": 8},
    reason=None,
    remedy=None,
)
CALM = msgspec.structs.replace(
    describe_environment(), governor="performance", boost=False, quota_cores=None
)


def elsewhere(*distributions: str) -> Environment:
    """Return this machine with another environment, which has these distributions."""
    libraries = dict.fromkeys(distributions, "1.24.1")
    other = OtherEnvironment(backend="ort", python="3.12.1", libraries=libraries)
    return msgspec.structs.replace(CALM, others={"new": other})


SOUND = Diagnosis(
    environment=CALM,
    threads=2,
    providers=(USABLE,),
    distributions={"onnxruntime": "1.32.0"},
    cuda={},
    store=StoreDiagnosis(exports=0, free_bytes=2 * STORE_BYTES),
    cached_weights=0,
    problems=(),
    advice=(),
)


def changed(**changes: Any) -> Diagnosis:
    return judged(msgspec.structs.replace(SOUND, **changes))


def test_a_sound_install_has_no_problem() -> None:
    """And nothing to be advised of."""
    assert (changed().problems, changed().advice) == ((), ())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"distributions": {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.1"}},
            "onnxruntime and onnxruntime-gpu are installed at once",
        ),
        ({"cuda": {"torch": "13.0", "ort": "12.8"}}, "torch for CUDA 13.0, ort for CUDA 12.8"),
        ({"environment": elsewhere("onnxruntime", "onnxruntime-openvino")}, "and onnxruntime-op"),
        ({"providers": ()}, "nothing can be measured here"),
    ],
)
def test_what_is_broken_is_a_problem(changes: dict[str, Any], words: str) -> None:
    """Each problem has its own sentence."""
    (problem,) = changed(**changes).problems

    assert words in problem


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"governor": "powersave"}, "governor is powersave"),
        ({"boost": True}, "exceed their nominal frequency"),
        ({"quota_cores": 1.5, "affinity_cores": 2}, "quota is 1.5 cores of 2"),
    ],
)
def test_what_makes_times_vary_is_advised_of(changes: dict[str, Any], words: str) -> None:
    """The machine works, and figures could be better."""
    (advice,) = changed(environment=msgspec.structs.replace(CALM, **changes)).advice

    assert words in advice


def test_a_missing_compiler_is_advised_of_where_torch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is that of CXX; ONNX Runtime alone needs none."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    of_torch = msgspec.structs.replace(USABLE, backend="torch")
    (advice,) = changed(providers=(of_torch,)).advice

    assert advice.startswith("torch:compile needs a C++ compiler, and no-such-compiler is not here")
    assert changed(providers=(of_torch,), cpp_compiler="g++").advice == ()


def test_equal_majors_of_cuda_go_together() -> None:
    """A minor version apart is no problem, and neither is one backend alone."""
    assert changed(cuda={"torch": "13.0", "ort": "13.1"}).problems == ()
    assert changed(cuda={"torch": "13.0"}).problems == ()


def test_environments_may_have_different_majors_of_cuda() -> None:
    """Each has its own libraries."""
    cuda = {"torch": "13.0", "new:tf32": "12.8"}

    assert changed(cuda=cuda, environment=elsewhere("onnxruntime-gpu")).problems == ()


def test_too_little_room_is_advised_of() -> None:
    """Before the export of everything ends with a full disk."""
    (advice,) = changed(store=StoreDiagnosis(exports=1, free_bytes=10**9)).advice

    assert "1 GB are free" in advice


def test_a_provider_that_lies_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake says that it has two providers; one of them places nothing."""
    fake = target("right").backend
    monkeypatch.setattr(doctor, "BACKENDS", (fake,))
    monkeypatch.setattr(doctor, "backend_named", lambda _: fake)
    found = diagnose(tmp_path, ["cuda"])

    assert [(each.provider, each.usable, each.named) for each in found.providers] == [
        ("CPUExecutionProvider", True, False),
        ("LyingExecutionProvider", False, False),
        ("cuda", False, True),
    ]
    assert found.providers[0].proof == {"CPUExecutionProvider": 1}
    assert found.providers[1].reason == "there is no LyingExecutionProvider"
    assert found.providers[1].remedy is not None


def test_the_real_backends_run_on_the_cpu(tmp_path: Path) -> None:
    """With the nodes counted by ONNX Runtime's own record."""
    found = diagnose(tmp_path, [])
    usable = {(each.backend, each.provider): each for each in found.providers if each.usable}

    assert {("torch", "CPUExecutionProvider"), ("ort", "CPUExecutionProvider")} <= set(usable)
    assert usable["ort", "CPUExecutionProvider"].proof["CPUExecutionProvider"] > 0
    assert found.store is not None
    assert found.store.exports == 0
    assert found.threads >= 1

"""Two builds of ONNX Runtime in one environment: a broken install that looks fine."""

import json

from simx.common.errors import ExitCode
from tests.providers.conftest import Elsewhere


def test_the_doctor_sees_it(conflict: Elsewhere) -> None:
    """Both are told, with what to do, although the import works and something runs."""
    outcome = conflict("doctor", "--format", "json")
    found = json.loads(outcome.out)
    (problem,) = found["problems"]

    assert outcome.code == ExitCode.CELLS_FAILED
    assert set(found["distributions"]) == {"onnxruntime", "onnxruntime-openvino"}
    assert "have overwritten each other" in problem
    assert "pip uninstall all of them" in problem

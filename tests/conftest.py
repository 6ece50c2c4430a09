"""What every test may rely on."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# ONNX Runtime sends telemetry unless it is told not to before its import; some tests import it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Examples are not timed: the machine may be busy with anything.
settings.register_profile("simx", deadline=None)
settings.load_profile("simx")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def _importable_tests() -> None:
    """Let worker processes import the fakes that live beside the tests."""
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in path if part)

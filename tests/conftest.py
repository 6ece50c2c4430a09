"""What every test may rely on."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# ONNX Runtime sends telemetry unless it is told not to before its import; some tests import it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Whoever starts the suite in the background, or by nohup, has processes ignore these from then on;
# what simx does when they come is to be tested all the same.
for name in ("SIGINT", "SIGHUP"):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)

# Examples are not timed: the machine may be busy with anything.
settings.register_profile("simx", deadline=None)
settings.load_profile("simx")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def _importable_tests() -> None:
    """Let worker processes import the fakes that live beside the tests."""
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in path if part)

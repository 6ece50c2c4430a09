"""What every test may rely on."""

import os
import signal
from pathlib import Path

import pytest
import sklearn  # noqa: F401 - it sets variables when it is imported; they are removed below
from hypothesis import settings

from simx.workers.variables import is_kept

# What is measured, and what is said of it, must not depend on the caller's variables.
for name in filter(lambda name: is_kept(name) is False, list(os.environ)):
    del os.environ[name]

# ONNX Runtime reads this when it is imported, which some tests do.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# A suite that is started in the background or by nohup inherits that these signals are ignored;
# the tests of how simx handles them need the usual state.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

# Examples have no deadline, for the machine may be busy, and are the same on any day. New ones are
# looked for by --hypothesis-profile=searching.
settings.register_profile("searching", deadline=None, print_blob=True)
settings.register_profile("simx", deadline=None, derandomize=True)
settings.load_profile("simx")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def _importable_tests() -> None:
    """Let worker processes import the fakes that live beside the tests."""
    path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in path if part)

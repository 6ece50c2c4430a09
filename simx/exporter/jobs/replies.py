"""What every export worker has to tell: the memory it needed, and what stopped it."""

import resource
import sys

from simx.common.errors import InputError, SimxError, SystemFailureError, disk_failure
from simx.exporter.jobs.messages import Blame, ExportFailed
from simx.exporter.verification.outputs import VerificationError


def failure_of(stage: str, error: Exception) -> ExportFailed:
    """Return what stopped an export, with the figures that a verification found."""
    found = error.found if isinstance(error, VerificationError) else None
    return ExportFailed(
        stage,
        _reason(error),
        _blame(error),
        parity=found.parity if found else None,
        margin=found.margin if found else None,
        reference_margin=found.reference_margin if found else None,
    )


def peak_bytes() -> int:
    """Return the most memory that this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _blame(error: Exception) -> Blame:
    if isinstance(error, InputError):
        return "input"
    return "system" if isinstance(error, SystemFailureError) or disk_failure(error) else "backbone"


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else "no message"
    named = isinstance(error, SimxError | VerificationError)
    return text if named else f"{type(error).__name__}: {text}"

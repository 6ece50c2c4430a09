"""An export that fails verification says what failed."""

import re
from collections.abc import Callable

import pytest

from simx.exporter.jobs import job
from simx.exporter.jobs.plan import ExportRequest, order_from_weights
from simx.exporter.store.manifest import FileRecord, Verified
from simx.exporter.verification.inspection import Expectation
from simx.exporter.verification.outputs import VerificationError
from simx.exporter.weights.cache import Source
from simx.models.catalogue import load
from simx.results.schema.report import Parity
from tests.runner.fakes import reference

FOUND = Verified(
    parity=Parity(cosine=0.9, relative_l2=0.4),
    verified_batches=(1, 4),
    margin=1.0,
    reference_margin=2.0,
)


def failure(
    monkeypatch: pytest.MonkeyPatch, own_error: Callable[[], float] | None, found: Verified | None
) -> str:
    """Return the text of a verification that fails, given torch's own error."""

    def fail(*_: object) -> Verified:
        raise VerificationError("the embedding differs from torch's", found)

    monkeypatch.setattr(job, "verify_export", fail)
    order = order_from_weights(load()[0], "pooled", Source("random"))
    made = job.Made(
        reference=reference(),
        expected=Expectation(crop=16, dim=8),
        weights=FileRecord(sha256="0" * 64, bytes=1),
        own_error=own_error,
    )
    with pytest.raises(VerificationError) as raised:
        job._export(ExportRequest(order, 1, "folder", "state"), lambda *_: made, lambda _: None)
    assert raised.value.found == found
    return str(raised.value)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (6.3e-2, "torch disagrees with itself: .* error of 6.30e-02, because these weights"),
        (4e-5, "the embedding differs from torch's"),
    ],
)
def test_a_failure_names_its_cause(
    error: float, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's own error in float64 tells weights that amplify rounding from a wrong file."""
    assert re.match(text, failure(monkeypatch, lambda: error, FOUND))


def test_other_failures_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no torch, or the file could not be run, nothing more is computed."""

    def never() -> float:
        raise AssertionError

    assert failure(monkeypatch, None, FOUND) == "the embedding differs from torch's"
    assert failure(monkeypatch, never, None) == "the embedding differs from torch's"

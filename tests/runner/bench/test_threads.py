"""Threads follow what this process may really use."""

import pytest

from simx.runner.bench import threads


@pytest.mark.parametrize(
    ("affinity", "quota", "expected"),
    [(8, None, 8), (8, 2.5, 2), (8, 0.5, 1), (2, 16.0, 2)],
)
def test_the_smaller_of_affinity_and_quota_counts(
    monkeypatch: pytest.MonkeyPatch, affinity: int, quota: float | None, expected: int
) -> None:
    """Whole cores of the quota where it is below the affinity, and never less than one."""
    monkeypatch.setattr(threads, "affinity_cores", lambda: affinity)
    monkeypatch.setattr(threads, "cpu_quota", lambda: quota)

    assert threads.default_threads() == expected

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


@pytest.mark.parametrize(
    ("affinity", "quota", "said"),
    [
        (2, None, []),
        (8, 2.0, []),
        (1, None, ["2 threads share 1 core: "]),
        (8, 1.5, ["2 threads exceed the CPU quota of 1.5 cores: "]),
        (1, 0.5, ["2 threads share 1 core: ", "2 threads exceed the CPU quota of 0.5 cores: "]),
    ],
)
def test_threads_beyond_a_limit_are_said(
    monkeypatch: pytest.MonkeyPatch, affinity: int, quota: float | None, said: list[str]
) -> None:
    """Two threads that share a core are not what the label "2 threads" promises."""
    monkeypatch.setattr(threads, "affinity_cores", lambda: affinity)
    monkeypatch.setattr(threads, "cpu_quota", lambda: quota)
    notes = list(threads.threads_without_cores(2))

    assert len(notes) == len(said)
    assert all(note.startswith(start) for note, start in zip(notes, said, strict=True))

"""Progress without a terminal: lines with the time that is left."""

import pytest

from simx.cli.showing.progress import shown_steps


@pytest.mark.parametrize("kept", [0, 600])
def test_the_time_left_does_not_count_what_was_kept(
    kept: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten steps take ten seconds, however many an earlier run has finished."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with shown_steps(1000) as show:
        show(kept, "embedding")
        now += 10
        show(kept + 10, "embedding")
    first, second = capsys.readouterr().err.splitlines()
    minutes, seconds = divmod(1000 - kept - 10, 60)

    assert first == f"[{kept + 1}/1000] embedding"
    assert second == f"[{kept + 11}/1000] embedding, about {minutes} min {seconds:02d} s left"

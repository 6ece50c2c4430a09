"""A backend that does not start is reported with the cause, and with advice only where it helps."""

from pathlib import Path

import msgspec
import pytest

from simx.common.errors import ProviderUnavailableError
from simx.runner.backends.registry import backend_named
from simx.runner.bench.targets import started


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("import no_such_package", "'no_such_package'; pip install torch torchvision"),
        ("raise ImportError('cannot map')", "ImportError: cannot map"),
    ],
)
def test_an_install_is_advised_only_for_a_missing_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, advice: str
) -> None:
    """All else that keeps a worker from starting is not mended by it."""
    (tmp_path / "runtime.py").write_text(statement)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    backend = msgspec.structs.replace(backend_named("torch"), entry="runtime:main")
    with pytest.raises(ProviderUnavailableError) as error:
        started(backend)

    assert str(error.value).startswith("backend torch: the worker was not started: its server ")
    assert str(error.value).endswith(advice)

"""The backends that the contract suite runs over: those whose package is installed here."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from simx.runner.backends.contract import Runtime
from simx.runner.backends.registry import BACKENDS

_RUNTIMES = {
    "torch": "simx.runner.backends.torch.backend:TorchRuntime",
    "ort": "simx.runner.backends.ort.backend:OrtRuntime",
    "openvino": "simx.runner.backends.openvino:OpenVinoRuntime",
    "executorch": "simx.runner.backends.executorch:ExecuTorchRuntime",
}


def needs(name: str) -> pytest.MarkDecorator:
    """Return the mark that skips a test where the package of a backend is not installed."""
    (spec,) = (each for each in BACKENDS if each.name == name)
    reason = f"{spec.package} is not installed here; run make test-engines"
    return pytest.mark.skipif(find_spec(spec.package) is None, reason=reason)


RUNTIMES = [pytest.param(name, marks=needs(name)) for name in _RUNTIMES]


def runtime_of(name: str) -> Runtime:
    """Return a backend's runtime, which is imported only now."""
    module, _, kind = _RUNTIMES[name].partition(":")
    created: Runtime = getattr(import_module(module), kind)()
    return created

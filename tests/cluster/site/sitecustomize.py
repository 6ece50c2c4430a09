"""On the nodes of tests, and in their drivers: adds the backend of known times to those of simx."""

from simx.runner.backends import registry
from simx.runner.tuning import code
from tests.cluster.timed import SPEC

registry.BACKENDS = (*registry.BACKENDS, SPEC)  # type: ignore[assignment]  # a tuple of three
code._WRITERS["timed"] = code._ort  # type: ignore[index]  # it is a dict

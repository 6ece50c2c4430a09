"""On the nodes of tests, and in their drivers: adds the backend of known times to those of simx."""

from simx.runner.backends import registry
from tests.cluster.timed import SPEC

registry.BACKENDS = (*registry.BACKENDS, SPEC)  # type: ignore[assignment]  # a tuple of three

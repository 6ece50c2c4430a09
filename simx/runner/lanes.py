"""Backends on providers that have been shown to work here, with their worker launchers running."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from simx.errors import ProviderUnavailableError
from simx.runner.cells import Lane
from simx.runner.providers import require_usable
from simx.runner.registry import BackendSpec
from simx.workers.launchers import launcher
from simx.workers.worker import Launcher, WorkerDiedError


class OpenLanes(msgspec.Struct, frozen=True):
    """What can be measured with, one launcher per backend's name, and notes on what cannot."""

    lanes: tuple[Lane, ...]
    launchers: dict[str, Launcher]
    notes: tuple[str, ...]


@contextmanager
def open_lanes(specs: Sequence[BackendSpec], providers: Sequence[str]) -> Iterator[OpenLanes]:
    """Start every backend's launcher and prove every provider, before anything is measured.

    Args:
        specs: backends asked for.
        providers: providers asked for, by ONNX Runtime's names.

    Raises:
        ProviderUnavailableError: one of them cannot be used here.
    """
    lanes, notes = product(specs, providers)
    if not lanes:
        raise ProviderUnavailableError(f"{'; '.join(notes)}; nothing is left to measure")
    with ExitStack() as stack:
        launchers: dict[str, Launcher] = {}
        for spec in dict.fromkeys(lane.spec for lane in lanes):
            launchers[spec.name] = stack.enter_context(_started(spec))
        for lane in lanes:
            require_usable(lane.spec, lane.provider, launchers[lane.spec.name])
        yield OpenLanes(tuple(lanes), launchers, tuple(notes))


def product(specs: Sequence[BackendSpec], providers: Sequence[str]) -> tuple[list[Lane], list[str]]:
    """Return every backend on every provider, and a note for each pair that cannot be.

    A provider that a backend has no device for is no error where another backend has one.
    """
    found, notes = [], []
    for provider in dict.fromkeys(providers):
        for spec in dict.fromkeys(specs):
            if spec.providers is None or provider in spec.providers:
                found.append(Lane(spec, provider))
            else:
                notes.append(f"{spec.name} has no device for {provider}, so no {spec.name} cells")
    return found, notes


def _started(spec: BackendSpec) -> Launcher:
    try:
        return launcher(spec.entry)
    except WorkerDiedError as error:
        raise ProviderUnavailableError(
            f"backend {spec.name}: {spec.package} cannot be imported ({error}); {spec.install}"
        ) from None

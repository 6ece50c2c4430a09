"""Backends on providers that have been shown to work here, with their worker launchers running."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from simx.common.errors import InputError, ProviderUnavailableError
from simx.models.backbone import Precision
from simx.runner.backends.ort.placement import CPU
from simx.runner.backends.providers import require_usable
from simx.runner.backends.registry import Choice
from simx.runner.bench.cells import Lane
from simx.workers.forking import launcher
from simx.workers.worker import Launcher, WorkerDiedError


class OpenLanes(msgspec.Struct, frozen=True):
    """What can be measured with, one launcher per choice's name, and notes on what cannot."""

    lanes: tuple[Lane, ...]
    launchers: dict[str, Launcher]
    notes: tuple[str, ...]


@contextmanager
def open_lanes(
    choices: Sequence[Choice],
    providers: Sequence[str],
    memory: int | None = None,
    precisions: Sequence[Precision] = ("fp32",),
) -> Iterator[OpenLanes]:
    """Start every backend's launcher and prove every provider, before anything is measured.

    Args:
        choices: backends asked for.
        providers: providers asked for, by ONNX Runtime's names.
        memory: bytes of address space that each worker may have.
        precisions: precisions asked for.

    Raises:
        ProviderUnavailableError: one of them cannot be used here.
    """
    lanes, notes = planned_lanes(choices, providers, precisions)
    with ExitStack() as stack:
        launchers: dict[str, Launcher] = {}
        for choice in dict.fromkeys(lane.choice for lane in lanes):
            launchers[choice.name] = stack.enter_context(started(choice, memory))
        for choice, provider in dict.fromkeys((lane.choice, lane.provider) for lane in lanes):
            require_usable(choice, provider, launchers[choice.name])
        yield OpenLanes(tuple(lanes), launchers, tuple(notes))


def planned_lanes(
    choices: Sequence[Choice],
    providers: Sequence[str],
    precisions: Sequence[Precision] = ("fp32",),
) -> tuple[list[Lane], list[str]]:
    """Return what is to be measured with, and notes on what cannot be, before anything is started.

    Raises:
        ProviderUnavailableError: no backend has a device for any of the providers.
    """
    lanes, notes = product(choices, providers, precisions)
    if not lanes:
        raise ProviderUnavailableError(f"{'; '.join(notes)}; nothing is left to measure")
    choices_by_name = {lane.choice.name: lane.choice for lane in lanes}
    for lane in lanes:
        if choices_by_name[lane.choice.name] != lane.choice:
            raise InputError(
                f"--backend {lane.choice.name}: two backends differ in the folder of a file alone, "
                "which a report does not keep; give the files different names"
            )
    return lanes, notes


def product(
    choices: Sequence[Choice],
    providers: Sequence[str],
    precisions: Sequence[Precision] = ("fp32",),
) -> tuple[list[Lane], list[str]]:
    """Return every backend on every provider in every precision, and notes on what cannot be.

    A provider that a backend has no device for, or a precision it does not compute in, is no error
    where another backend has it.
    """
    found, notes = [], []
    for provider in dict.fromkeys(providers):
        for choice in dict.fromkeys(choices):
            name, devices = choice.name, choice.spec.providers
            its = dict(choice.spec.stand_ins).get(provider, provider)
            if devices is None or its in devices:
                # The processor's own provider takes any option in silence and has none.
                fitting = choice.without_options() if its == CPU else choice
                found += [
                    Lane(fitting, its, precision)
                    for precision in precisions
                    if precision in choice.spec.precisions
                ]
                if its != provider:
                    notes.append(f"{name} is measured on {its}, which is its way to the device")
            else:
                notes.append(f"{name} has no device for {provider}, so no {name} cells")
    return list(dict.fromkeys(found)), [*notes, *_precision_notes(choices, precisions)]


def _precision_notes(choices: Sequence[Choice], precisions: Sequence[Precision]) -> Iterator[str]:
    for choice in dict.fromkeys(choices):
        lacking = [each for each in precisions if each not in choice.spec.precisions]
        if lacking:
            yield (
                f"{choice.name} computes in {', '.join(choice.spec.precisions)} only, so it has no "
                f"cells in {' or '.join(lacking)}"
            )


def require_takers(
    options: Sequence[str], choices: Sequence[Choice], providers: Sequence[str]
) -> None:
    """Refuse options that nothing of what is asked for would take.

    Raises:
        InputError: They would be dropped in silence.
    """
    takers = any(choice.spec.takes_options for choice in choices) and set(providers) - {CPU}
    asked = (*options, *(option for choice in choices for option in choice.options))
    if asked and not takers:
        raise InputError(
            f"provider option {asked[0]!r}: nothing that is asked for takes it; options are those "
            f"of ONNX Runtime's providers, and {CPU} has none"
        )


def started(choice: Choice, memory: int | None = None) -> Launcher:
    """Start the launcher of a backend's workers.

    Raises:
        ProviderUnavailableError: the backend cannot be imported.
    """
    spec = choice.spec
    try:
        return launcher(spec.entry, choice.environment, memory)
    except WorkerDiedError as error:
        raise ProviderUnavailableError(
            f"backend {spec.name}: {spec.package} cannot be imported ({error}); {spec.install}"
        ) from None

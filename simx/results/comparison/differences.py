"""What keeps two cells from being compared: that they are not the same thing, or not on the same.

A difference has a name, by which ``simx diff --allow`` lets it pass.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from simx.models.pictures import COMPARED_IMAGES, Image
from simx.results.comparison.digest import CellDigest, Digest
from simx.results.comparison.matching import fields_that_differ
from simx.results.comparison.names import DifferenceName
from simx.results.comparison.others import placement_text
from simx.results.comparison.outcome import Difference
from simx.results.schema.config import Config
from simx.results.schema.environment import Environment
from simx.results.schema.report import Cell, MeasuredCell

MACHINE: tuple[DifferenceName, ...] = ("cpu", "cores", "governor", "gpu")
"""Differences of the machine itself, which the canary shows, too."""

_HASH_DIGITS = 12

_LIBRARIES: Mapping[str, tuple[DifferenceName, tuple[str, ...]]] = {
    "torch": ("torch", ("torch",)),
    "ort": (
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
    ),
}
"""What executes, by a backend's name without its variants: the difference's name, and the
distributions that it may come from."""


def differences(
    base: Digest, new: Digest, pair: tuple[CellDigest, CellDigest]
) -> tuple[Difference, ...]:
    """Return what differs between two cells that would have to be the same.

    What a report of quoted figures does not say differs from what is known.
    """
    one, other = pair
    found = (
        *_identities(one, other),
        *_cells(one.cell, other.cell),
        *_machines(base, new, one.identity.provider),
        *_libraries(base, new, one.identity.backend),
    )
    return _each_once(found)


def pictures_that_differ(base: Digest, new: Digest) -> tuple[Image, ...]:
    """Return the pictures that are not the same in both, anchor included."""
    names: tuple[Image, ...] = ("anchor", *COMPARED_IMAGES)
    return tuple(
        name
        for name in names
        if _picture(base.report.config, name) != _picture(new.report.config, name)
    )


def _identities(one: CellDigest, other: CellDigest) -> Iterator[Difference]:
    for name in fields_that_differ(one.identity, other.identity):
        yield Difference(
            # Backends are paired with themselves: only the share of their nodes can differ.
            name="placement" if name == "backend" else msgspec.convert(name, DifferenceName),
            base=_text(getattr(one.identity, name)),
            new=_text(getattr(other.identity, name)),
        )


def _each_once(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """Leave out hashes that differ where words of the same name say why."""
    differing = tuple(found)
    said = {each.name for each in differing if not each.opaque}
    return tuple(each for each in differing if not (each.opaque and each.name in said))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _cells(one: Cell, other: Cell) -> Iterator[Difference]:
    """Yield differences of what ran: the weights, the file that was executed, how and where."""
    yield from _difference("weights", _origin(one), _origin(other))
    hashes: list[tuple[DifferenceName, str]] = [
        ("weights", "weights_sha256"),
        ("graph", "artefact_sha256"),
    ]
    for each, field in hashes:
        yield from _difference(each, _hash(one, field), _hash(other, field), opaque=True)
    yield from _difference("placement", _placement(one), _placement(other))
    if isinstance(one, MeasuredCell) and isinstance(other, MeasuredCell):
        for name in {**one.settings, **other.settings}:
            yield from _difference(
                "settings",
                f"{name} {one.settings.get(name, 'unset')}",
                f"{name} {other.settings.get(name, 'unset')}",
            )


def _machines(base: Digest, new: Digest, provider: str) -> Iterator[Difference]:
    described: list[tuple[DifferenceName, Callable[[Environment], str]]] = [
        ("cpu", lambda of: f"{of.cpu}, {of.architecture}"),
        ("cores", _cores),
        ("governor", lambda of: f"{of.governor or 'none told'}, boost {_boost(of)}"),
    ]
    if provider != "CPUExecutionProvider":
        described.append(("gpu", _gpus))
    for name, describe in described:
        yield from _difference(name, _told(base, describe), _told(new, describe))


def _libraries(base: Digest, new: Digest, backend: str) -> Iterator[Difference]:
    """Yield the difference of the library that executes; whatever else is installed is not it."""
    known = _LIBRARIES.get(backend.partition(":")[0])
    if known is not None:
        name, distributions = known

        def versions(of: Environment) -> str:
            found = (
                f"{each} {of.libraries[each]}" for each in distributions if each in of.libraries
            )
            return ", ".join(found) or "none"

        yield from _difference(name, _told(base, versions), _told(new, versions))


def _difference(
    name: DifferenceName, base: str | None, new: str | None, *, opaque: bool = False
) -> Iterator[Difference]:
    if base != new:
        yield Difference(name=name, base=base, new=new, opaque=opaque)


def _told(of: Digest, describe: Callable[[Environment], str]) -> str | None:
    environment = of.report.environment
    return None if environment is None else describe(environment)


def _cores(of: Environment) -> str:
    quota = "" if of.quota_cores is None else f", quota {of.quota_cores:g}"
    return f"{of.affinity_cores} of {of.logical_cores}{quota}"


def _boost(of: Environment) -> str:
    return "not told" if of.boost is None else "on" if of.boost else "off"


def _gpus(of: Environment) -> str:
    return ", ".join(f"{gpu.name}, driver {gpu.driver}" for gpu in of.gpus) or "none told"


def _origin(cell: Cell) -> str | None:
    return cell.weights_origin


def _hash(cell: Cell, name: str) -> str | None:
    value: str | None = getattr(cell, name, None)
    return None if value is None else value[:_HASH_DIGITS]


def _placement(cell: Cell) -> str | None:
    if not isinstance(cell, MeasuredCell):
        return None
    return placement_text(cell.placement)


def _picture(config: Config | None, name: Image) -> str | None:
    picture = config.pictures.get(name) if config else None
    return None if picture is None else picture.sha256

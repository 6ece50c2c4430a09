"""Which nodes of a cluster measure: those of a kind are equal in all that times depend on.

Nodes are looked at before anything is measured. One that joins later is looked at then.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

import simx
from simx.cluster.connection import Cluster, Lost, Node
from simx.cluster.tasks import Look, Looked, Refused
from simx.common import grouped
from simx.common.errors import InputError, ProviderUnavailableError
from simx.common.safe_text import counted
from simx.exporter.jobs.plan import ExportListener
from simx.results.schema.environment import Environment
from simx.results.schema.report import Kind, Price
from simx.runner.bench.resumption import MAY_CHANGE

_LOOK_SECONDS = 120.0
"""For a node's interpreter to start and import simx, from a cold disk."""


class Nodes:
    """The nodes that are alive, as far as is known: ``usable``, by their identifiers.

    ``kinds`` are those that measure, and ``kind_of`` names that of each usable node.

    Args:
        cluster: theirs.
        kind: a part of the processor's or a GPU's name, or of a version, of the kind that measures;
            None for that of which there are the most nodes.
        prices: of kinds, by such a part.
        listener: hears which nodes are left out, and why.
        look: what they are asked.
        is_every: whether each kind measures everything.

    Raises:
        InputError: no kind of nodes, or several, have such a part in their names.
        ProviderUnavailableError: no node can be used.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: str | None,
        prices: Mapping[str, Price],
        listener: ExportListener,
        look: Look,
        *,
        is_every: bool,
    ) -> None:
        self.cluster = cluster
        self.usable: dict[str, Node] = {}
        self.kind_of: dict[str, str] = {}
        self._look = look
        self._listener = listener
        self._seen: dict[str, Node] = {}
        said = self._said_by_new()
        if not said:
            raise ProviderUnavailableError("--on: no node of the cluster can be used")
        found = grouped(said.values(), lambda each: _key_of(each.environment))
        by_size = sorted(found.values(), key=len, reverse=True)
        kinds = _kinds([each[0] for each in by_size])
        if not is_every:
            kinds = [kinds[0] if kind is None else _named("--kind", kind, kinds)]
        for text, price in prices.items():
            priced = _named("--price", text, kinds)
            kinds[kinds.index(priced)] = msgspec.structs.replace(priced, price=price)
        self._first = {node: what.environment for node, what in said.items()}
        self.measure_on(kinds)

    def measure_on(self, kinds: Iterable[Kind]) -> None:
        """Use the nodes of these kinds, and name them so."""
        self.kinds = tuple(kinds)
        self.usable.clear()
        self._admit(self._first)

    def refresh(self) -> None:
        """Take in the nodes of these kinds that have joined the cluster."""
        self._admit({node: what.environment for node, what in self._said_by_new().items()})

    def leave_out(self, node: Node, reason: str) -> None:
        """Say so, and use the node no more."""
        self.usable.pop(node.id, None)
        self._listener.notice(f"node {node.address} is left out: {reason}")

    def _admit(self, said: dict[Node, Environment]) -> None:
        names = {_key_of(kind.environment): kind.name for kind in self.kinds}
        for node, environment in said.items():
            if (name := names.get(_key_of(environment))) is not None:
                self.usable[node.id], self.kind_of[node.id] = node, name
            else:
                self.leave_out(node, f"is of another kind, {', '.join(_parts_of(environment))}")

    def _said_by_new(self) -> dict[Node, Looked]:
        """Return what nodes say that were not looked at, without those that cannot be used."""
        nodes = self.cluster.nodes()
        asked = [node for key, node in nodes.items() if key not in self._seen]
        self._seen |= nodes
        running = {self.cluster.start(self._look, node=node): node for node in asked}
        said: dict[Node, Looked] = {}
        for found in self.cluster.answers(running, _LOOK_SECONDS):
            match found:
                case None:
                    break
                case node, Looked() as what if what.simx == simx.__version__:
                    said[node] = what
                case node, Looked(version):
                    self.leave_out(node, f"has simx {version}, not {simx.__version__}")
                case node, Lost() | Refused() as failed:
                    self.leave_out(node, failed.reason)
        for node in running.values():
            self.leave_out(node, "does not answer")
        return said


def _kinds(said: Sequence[Looked]) -> list[Kind]:
    """Name kinds by what they do not have in common, or by the processor."""
    parts = [_parts_of(each.environment) for each in said]
    common = set(parts[0]).intersection(*parts[1:])
    names: list[str] = []
    for of in parts:
        name = ", ".join(part for part in of if part not in common) or of[0]
        # Something else differs, such as Python.
        names.append(name if name not in names else f"{name} #{len(names) + 1}")
    return [
        Kind(name=name, environment=each.environment, threads=each.threads)
        for name, each in zip(names, said, strict=True)
    ]


def _named(option: str, text: str, kinds: Sequence[Kind]) -> Kind:
    """Return the only kind that has the text in its name or description."""
    whole = {kind.name: ", ".join((kind.name, *_parts_of(kind.environment))) for kind in kinds}
    same = [kind for kind in kinds if text == kind.name]
    found = same or [kind for kind in kinds if text.lower() in whole[kind.name].lower()]
    if len(found) != 1:
        raise InputError(
            f"{option} {text}: {'several kinds' if found else 'no kind'} of nodes have that in "
            f"their names; there are: {'; '.join(whole.values())}"
        )
    return found[0]


def _key_of(environment: Environment) -> bytes:
    """Return an environment without what may differ between equal nodes."""
    fields = msgspec.structs.asdict(environment)
    return msgspec.json.encode({key: fields[key] for key in fields if key not in MAY_CHANGE})


def _parts_of(its: Environment) -> tuple[str, ...]:
    """Describe a kind of nodes: processor, GPUs, and the versions of what is measured."""
    gpus = (f"{gpu.name} driver {gpu.driver}" for gpu in its.gpus)
    libraries = (f"{name} {version}" for name, version in its.libraries.items())
    return (its.cpu, counted(its.affinity_cores, "core"), *gpus, *libraries)

"""Which nodes of a cluster measure: those of one kind, equal in all that times depend on.

Nodes are looked at before anything is measured. One that joins later is looked at then.
"""

import msgspec

import simx
from simx.cluster.connection import Cluster, Lost, Node
from simx.cluster.tasks import Look, Looked, Refused
from simx.common import grouped
from simx.common.errors import InputError, ProviderUnavailableError
from simx.common.safe_text import counted
from simx.exporter.jobs.plan import ExportListener
from simx.results.schema.environment import Environment
from simx.runner.bench.resumption import MAY_CHANGE

_LOOK_SECONDS = 120.0
"""For a node's interpreter to start and import simx, from a cold disk."""


class Nodes:
    """The nodes of one kind that are alive, as far as is known: ``usable``, by their identifiers.

    Args:
        cluster: theirs.
        kind: a part of the processor's or a GPU's name, or of a version; None for the kind of which
            there are the most nodes.
        listener: hears which nodes are left out, and why.
        look: what they are asked.

    Raises:
        InputError: no kind of nodes, or several, have this in their names.
        ProviderUnavailableError: no node can be used.
    """

    def __init__(
        self, cluster: Cluster, kind: str | None, listener: ExportListener, look: Look
    ) -> None:
        self.cluster = cluster
        self.usable: dict[str, Node] = {}
        self._look = look
        self._listener = listener
        self._seen: dict[str, Node] = {}
        said = self._said_by_new()
        kinds = grouped(said.values(), _kind_of)
        names = {key: _name_of(of[0]) for key, of in kinds.items()}
        chosen = [key for key in kinds if kind is None or kind.lower() in names[key].lower()]
        if not said:
            raise ProviderUnavailableError("--on: no node of the cluster can be used")
        if not chosen or (kind is not None and len(chosen) > 1):
            raise InputError(
                f"--kind {kind}: {'several kinds' if chosen else 'no kind'} of nodes have that in "
                f"their names; there are: {'; '.join(names.values())}"
            )
        self._kind = max(chosen, key=lambda key: len(kinds[key]))
        self._said = kinds[self._kind][0]
        self._admit(said)

    @property
    def environment(self) -> Environment:
        """That of the first node; the others' differ in nothing that times depend on."""
        return self._said.environment

    @property
    def threads(self) -> int:
        """How many a backend gets by default on the nodes."""
        return self._said.threads

    def refresh(self) -> None:
        """Take in the nodes of this kind that have joined the cluster."""
        self._admit(self._said_by_new())

    def _admit(self, said: dict[Node, Looked]) -> None:
        for node, what in said.items():
            if _kind_of(what) == self._kind:
                self.usable[node.id] = node
            else:
                self._leave_out(node, f"is of another kind, {_name_of(what)}")

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
                    self._leave_out(node, f"has simx {version}, not {simx.__version__}")
                case node, Lost() | Refused() as failed:
                    self._leave_out(node, failed.reason)
        for node in running.values():
            self._leave_out(node, "does not answer")
        return said

    def _leave_out(self, node: Node, reason: str) -> None:
        self._listener.notice(f"node {node.address} is left out: {reason}")


def _kind_of(said: Looked) -> bytes:
    """Return an environment without what may differ between equal nodes."""
    fields = msgspec.structs.asdict(said.environment)
    return msgspec.json.encode({key: fields[key] for key in fields if key not in MAY_CHANGE})


def _name_of(said: Looked) -> str:
    """Describe a kind of nodes: processor, GPUs, and the versions of what is measured."""
    its = said.environment
    gpus = (f"{gpu.name} driver {gpu.driver}" for gpu in its.gpus)
    libraries = (f"{name} {version}" for name, version in its.libraries.items())
    return ", ".join((its.cpu, counted(its.affinity_cores, "core"), *gpus, *libraries))

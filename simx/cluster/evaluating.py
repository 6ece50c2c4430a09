"""Embeddings on a cluster: each backbone's pictures are divided among the nodes of one kind.

The driver keeps every batch that a node sends. All else of an evaluation is as in a local one.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial

import msgspec

from simx.cluster.connection import Lost, Node, connected
from simx.cluster.exporting import export_on
from simx.cluster.nodes import Nodes
from simx.cluster.spreading import Spread
from simx.cluster.tasks import Look
from simx.evaluation.embedding import Batch, Embed, Embedded, Proven
from simx.evaluation.evaluate import Embedder
from simx.evaluation.weighing import Weighting
from simx.exporter.jobs.plan import ExportListener
from simx.exporter.store.store import Store
from simx.results.schema.evaluation import EvaluationConfig
from simx.results.schema.report import FailedCell, Failure
from simx.runner.bench.cells import Workload, exported
from simx.runner.bench.targets import Target

_SHARDS = 4
"""For each node, so that a slower one has fewer."""

_LEAST_BATCHES = 16
"""Of a shard, because each one starts the networks anew."""


@contextmanager
def opened_on(
    address: str,
    kind: str | None,
    choose_threads: bool,  # noqa: FBT001 - of a partial
    store: Store,
    config: EvaluationConfig,
    targets: Sequence[Target],
    listener: ExportListener,
) -> Iterator[Embedder]:
    """Open what embeds on a cluster, as ``opened_here`` does; the store's path is absolute.

    Args:
        address: Of the cluster, as for ``connected``.
        kind: Of its nodes, as for ``Nodes``.
        choose_threads: Give a backend as many threads as it gets by default on the nodes.
        store: The exports.
        config: Of the evaluation.
        targets: Those that were asked for.
        listener: Gets messages, and hears of exports.
    """
    with connected(address) as cluster:
        look = Look(config.backends, config.backbones)
        nodes = Nodes(cluster, kind, {}, listener, look, is_every=False)
        if choose_threads:
            config = msgspec.structs.replace(config, threads=nodes.kinds[0].threads)
        notes: list[str] = []

        def made(of: Weighting) -> AbstractContextManager[list[Workload]]:
            plan = msgspec.structs.replace(of.plan, threads=1)
            return exported(of.backbones, store, plan, listener, partial(export_on, cluster))

        yield Embedder(
            config=config,
            environment=nodes.kinds[0].environment,
            targets=targets,
            notes=notes,
            exported=made,
            embedding=partial(_embed_on, nodes, store.name, listener, notes),
        )


def _embed_on(
    nodes: Nodes, store: str, listener: ExportListener, notes: list[str], order: Embed
) -> Iterator[Batch | Embedded]:
    """Do as ``embed``, on nodes: each one embeds a shard of the batches at a time."""
    count = len(order.batches)
    size = max(_LEAST_BATCHES, math.ceil(count / (_SHARDS * len(nodes.usable))))
    # Without any batch the networks are proven, too.
    left = [[*order.batches[at : at + size]] for at in range(0, max(count, 1), size)]
    ended: list[Embedded] = []

    def task_of(shard: int, _: Node) -> Embed:
        batches = tuple(left[shard])
        keys = frozenset(item.key for batch in batches for item in batch)
        lacks = tuple(each & keys for each in order.lacks)
        return msgspec.structs.replace(order, batches=batches, lacks=lacks, store=store)

    what = f"it embedded with {order.cells[0].backbone.name}"
    how = "what is embedded is kept, and the same command goes on"
    spread = Spread(nodes, range(len(left)), task_of, lambda _: what, how, listener)
    with closing(spread.answers()) as answers:
        for shard, _, answer in answers:
            match answer:
                case Batch():
                    yield answer
                    left[shard].pop(0)
                case Embedded():
                    ended.append(answer)
                case Lost(reason):
                    failure = Failure(stage="node", reason=reason)
                    ended.append(Embedded(tuple(each.failed(failure) for each in order.cells)))
    of_each = zip(*(each.cells for each in ended), strict=True)
    found = Embedded(tuple(map(_together, of_each)), ended[0].notes)
    for note in found.notes:
        if note not in notes:
            notes.append(note)
            listener.notice(note)
    yield found


def _together(cells: Sequence[Proven | FailedCell | None]) -> Proven | FailedCell | None:
    """Return a failure of a cell in a shard, or the proofs and speeds in its largest one."""
    proven = [each for each in cells if isinstance(each, Proven)]
    if len(proven) < len(cells):
        return next((each for each in cells if isinstance(each, FailedCell)), None)
    return max(proven, key=lambda each: each.throughput.embedded)

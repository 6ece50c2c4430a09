"""Asks ONNX Runtime's two witnesses where a graph's nodes run: a session's record, and a profile.

The profile is taken in a session of its own, which is never timed: profiling slows a session down.
"""

import tempfile
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime

from simx.runner.backends.ort.placement import Node, Placement, needs_profile, placed
from simx.runner.backends.ort.profile import nodes_in
from simx.runner.backends.ort.session import SessionPlan, open_session


def recorded_nodes(session: onnxruntime.InferenceSession) -> tuple[Node, ...]:
    """Return the nodes that a session says it assigned; none where its version does not tell.

    Providers that were compiled against another version may leave the record empty, or have none.
    """
    try:
        subgraphs = session.get_provider_graph_assignment_info()
    # Whatever it raises for a record that is not kept: there is another witness.
    except Exception:  # noqa: BLE001
        return ()
    return tuple(
        Node(subgraph.ep_name, node.op_type)
        for subgraph in subgraphs
        for node in subgraph.get_nodes()
    )


def prove(
    session: onnxruntime.InferenceSession, plan: SessionPlan, *, allow_partial: bool = False
) -> Placement:
    """Return where a session's nodes run, having asked the second witness where it is needed.

    Args:
        session: The one that is used.
        plan: What it was made from; the second witness is made from it, too, and runs once.
        allow_partial: Whether a share of the nodes suffices.

    Raises:
        BackendError: Its nodes do not run where they were asked to.
    """
    record = recorded_nodes(session)
    profile = profiled_nodes(plan) if needs_profile(record, plan.provider) else ()
    return placed(plan.provider, record=record, profile=profile, allow_partial=allow_partial)


def profiled_nodes(plan: SessionPlan) -> tuple[Node, ...]:
    """Run a graph once with a profile, on inputs of zeros and a batch of one.

    Raises:
        BackendError: There is no session.
    """
    with tempfile.TemporaryDirectory(prefix="simx-") as folder:
        session = open_session(
            msgspec.structs.replace(
                plan, profile=f"{folder}/profile", settings=plan.settings.without_capturing()
            )
        )
        # A size that is left open is a name instead of a number: the batch.
        feeds = {
            value.name: np.zeros(
                [size if isinstance(size, int) else 1 for size in value.shape], dtype=np.float32
            )
            for value in session.get_inputs()
        }
        session.run(None, feeds)
        return nodes_in(Path(session.end_profiling()).read_bytes())

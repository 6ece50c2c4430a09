"""Finds out where a graph's nodes run, from a session's record and from a profile.

Profiling is slow, so the profile is taken in a session of its own, which is never timed.
"""

import tempfile
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime

from simx.runner.backends.ort.placement import Node, nodes_in
from simx.runner.backends.ort.session import SessionPlan, open_session


def recorded_nodes(session: onnxruntime.InferenceSession) -> tuple[Node, ...]:
    """Return the nodes of a session's assignment record; none if it has no record.

    Providers that were compiled for another version may leave the record empty.
    """
    try:
        subgraphs = session.get_provider_graph_assignment_info()
    # After any error, the profile is the only source.
    except Exception:  # noqa: BLE001
        return ()
    return tuple(
        Node(subgraph.ep_name, node.op_type)
        for subgraph in subgraphs
        for node in subgraph.get_nodes()
    )


def profiled_nodes(plan: SessionPlan) -> tuple[Node, ...]:
    """Run a graph once with a profile, on inputs of zeros and a batch of one."""
    with tempfile.TemporaryDirectory(prefix="simx-") as folder:
        session = open_session(
            msgspec.structs.replace(
                plan, profile=f"{folder}/profile", settings=plan.settings.without_capturing()
            )
        )
        # The batch size is open: a name instead of a number.
        feeds = {
            value.name: np.zeros(
                [size if isinstance(size, int) else 1 for size in value.shape], dtype=np.float32
            )
            for value in session.get_inputs()
        }
        session.run(None, feeds)
        return nodes_in(Path(session.end_profiling()).read_bytes())

"""What is pinned in ONNX Runtime, and what each variant changes of it. Data, and no import of it.

The names of the variants are torch's too, so that like is compared with like.
"""

from collections.abc import Iterable, Mapping

import msgspec

CUDA = "CUDAExecutionProvider"

SESSION_ENTRIES: Mapping[str, str] = {
    "session.intra_op.allow_spinning": "1",
    # Threads that spin after a call steal the cores from whatever is timed next.
    "session.force_spinning_stop": "1",
    "session.set_denormal_as_zero": "0",
    # The proof of where each node runs; see runner.placement.
    "session.record_ep_graph_assignment_info": "1",
}

RUN_ENTRIES: Mapping[str, str] = {
    # A call has to wait for its device, whatever a later version does by default.
    "disable_synchronize_execution_providers": "0",
}

PROVIDER_OPTIONS: Mapping[str, Mapping[str, str]] = {
    CUDA: {
        "use_tf32": "0",
        "cudnn_conv_algo_search": "HEURISTIC",
        "prefer_nhwc": "0",
        "enable_cuda_graph": "0",
        "arena_extend_strategy": "kNextPowerOfTwo",
    },
}
"""What is pinned so that both backends compute alike: full float32, no exhaustive search where
torch does none, the channels where the graph has them, every kernel launched by itself, and an
arena that keeps what it has, as torch's allocator does."""

_VARIANT_ENTRIES: Mapping[str, Mapping[str, str]] = {
    "flush-denormals": {"session.set_denormal_as_zero": "1"},
    "passive": {"session.intra_op.allow_spinning": "0"},
    "spinning": {"session.force_spinning_stop": "0"},
}

_VARIANT_OPTIONS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    CUDA: {
        "channels-last": {"prefer_nhwc": "1"},
        "cuda-graph": {"enable_cuda_graph": "1"},
        "no-arena": {"arena_extend_strategy": "kSameAsRequested"},
        "search-exhaustive": {"cudnn_conv_algo_search": "EXHAUSTIVE"},
        "tf32": {"use_tf32": "1"},
    },
}

DEVICES: Mapping[str, str] = {CUDA: "cuda", "TensorrtExecutionProvider": "cuda"}
"""Providers whose memory is a device's own; the others take and return host memory."""


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a network's session is made and called.

    ``session`` and ``run`` are configuration entries of ONNX Runtime's, ``provider`` are the
    provider's options, those that were asked for among them, and ``arena`` tells whether memory is
    kept from call to call.
    """

    session: dict[str, str]
    run: dict[str, str]
    provider: dict[str, str]
    arena: bool

    @property
    def device_id(self) -> int:
        """Which of the visible devices it runs on."""
        return int(self.provider.get("device_id", "0"))

    @property
    def captures(self) -> bool:
        """Whether calls are recorded once and replayed."""
        return self.provider.get("enable_cuda_graph", "0").lower() in {"1", "true"}

    def without_capturing(self) -> "SessionSettings":
        """Return the settings with every call made by itself, which inputs from anywhere need."""
        if "enable_cuda_graph" not in self.provider:
            return self
        provider = {**self.provider, "enable_cuda_graph": "0"}
        return msgspec.structs.replace(self, provider=provider)

    @property
    def stated(self) -> dict[str, str]:
        """What a report says of it."""
        state = "on" if self.arena else "off"
        return {
            "memory_arena": state,
            "memory_pattern": state,
            **self.session,
            **self.run,
            **self.provider,
        }


def settings_of(
    provider: str, variants: Iterable[str], asked: Iterable[str], *, own: bool = False
) -> SessionSettings:
    """Return the settings of a session.

    Args:
        provider: What it runs on.
        variants: What is to differ from what is pinned.
        asked: Options of the provider, each ``key=value``; they win over a variant.
        own: Whether it is for one of simx's own small graphs, whose calls are never recorded: they
            have inputs from many places.
    """
    chosen = tuple(variants)
    session, options = dict(SESSION_ENTRIES), dict(PROVIDER_OPTIONS.get(provider, {}))
    for variant in chosen:
        session |= _VARIANT_ENTRIES.get(variant, {})
        options |= _VARIANT_OPTIONS.get(provider, {}).get(variant, {})
    options |= dict(each.split("=", 1) for each in asked)
    arena = "no-arena" not in chosen
    run = dict(RUN_ENTRIES) if provider in DEVICES else {}
    if provider == CUDA and not arena:
        # The provider always has an arena; this empties it at the end of every call.
        run["memory.enable_memory_arena_shrinkage"] = f"gpu:{options.get('device_id', '0')}"
    settings = SessionSettings(session=session, run=run, provider=options, arena=arena)
    return settings.without_capturing() if own else settings

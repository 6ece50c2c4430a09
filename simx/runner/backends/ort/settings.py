"""The pinned settings of ONNX Runtime, and what each variant changes. Imports no runtime.

Variants have the same names as torch's, so that equal settings are compared.
"""

from collections.abc import Mapping, Sequence

import msgspec

CUDA = "CUDAExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
XNNPACK = "XnnpackExecutionProvider"

THREAD_OPTIONS: Mapping[str, str] = {OPENVINO: "num_of_threads", XNNPACK: "intra_op_num_threads"}
"""The options of providers with threads of their own; all others have those of the session."""

SESSION_ENTRIES: Mapping[str, str] = {
    "session.intra_op.allow_spinning": "1",
    # Threads that spin after a call take the cores from the next timed call.
    "session.force_spinning_stop": "1",
    "session.set_denormal_as_zero": "0",
    # The proof of where each node runs.
    "session.record_ep_graph_assignment_info": "1",
}

RUN_ENTRIES: Mapping[str, str] = {
    # A call has to wait for its device, also if a later version does not by default.
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
"""As in torch: full float32, no exhaustive search, the graph's own channel order, kernels launched
one by one, and an arena that keeps its memory."""

_VARIANT_ENTRIES: Mapping[str, Mapping[str, str]] = {
    "flush-denormals": {"session.set_denormal_as_zero": "1"},
    "passive": {"session.intra_op.allow_spinning": "0"},
    "spinning": {"session.force_spinning_stop": "0"},
}

_LEVELS: Mapping[str, str] = {"graph-basic": "basic", "graph-extended": "extended"}
"""Variants with less than all optimisations of the graph."""

OFFLINE = "offline-optimised"
"""The variant that loads a graph which another session has optimised and saved."""

_MOST_BRANCHES = 2
"""Of a graph that ``parallel`` computes side by side."""

_VARIANT_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "channels-last": {"prefer_nhwc": "1"},
    "cuda-graph": {"enable_cuda_graph": "1"},
    "no-arena": {"arena_extend_strategy": "kSameAsRequested"},
    "search-exhaustive": {"cudnn_conv_algo_search": "EXHAUSTIVE"},
    "tf32": {"use_tf32": "1"},
}
"""Changes of CUDA's options."""

DEVICES: Mapping[str, str] = {CUDA: "cuda", "TensorrtExecutionProvider": "cuda"}
"""Providers of devices with their own memory; all others use host memory."""


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a network's session is made and called.

    ``session`` and ``run`` are configuration entries of ONNX Runtime, ``provider`` the provider's
    options. With ``arena``, memory is kept from call to call. ``level`` is that of the graph's
    optimisation, which with ``offline`` another session has done before. With ``branches``, so many
    branches of the graph are computed side by side by the ``threads`` of all; 0 for one node after
    the other.
    """

    session: dict[str, str]
    run: dict[str, str]
    provider: dict[str, str]
    arena: bool
    threads: int
    level: str = "all"
    offline: bool = False
    branches: int = 0

    @property
    def attributes(self) -> dict[str, bool | int | str]:
        """The attributes of ``SessionOptions``; a text is the name of a constant of the package.

        A pool makes one thread less than its number, because the caller of a node computes, too.
        Here that caller is a thread of the other pool, whose own caller only waits.
        """
        mode = "PARALLEL" if self.branches else "SEQUENTIAL"
        level = "DISABLE_ALL" if self.offline else f"ENABLE_{self.level.upper()}"
        return {
            "intra_op_num_threads": self.threads - max(0, self.branches - 1),
            "inter_op_num_threads": 1 + self.branches,
            "execution_mode": f"ExecutionMode.ORT_{mode}",
            "graph_optimization_level": f"GraphOptimizationLevel.ORT_{level}",
            "enable_cpu_mem_arena": self.arena,
            "enable_mem_pattern": self.arena,
        }

    @property
    def device_id(self) -> int:
        """The number of its device among the visible ones."""
        return int(self.provider.get("device_id", "0"))

    @property
    def captures(self) -> bool:
        """Whether calls are recorded as a CUDA graph and replayed."""
        return self.provider.get("enable_cuda_graph", "0").lower() in {"1", "true"}

    def without_capturing(self) -> "SessionSettings":
        """Return the settings without recorded calls, which need inputs at fixed addresses."""
        if "enable_cuda_graph" not in self.provider:
            return self
        return msgspec.structs.replace(self, provider={**self.provider, "enable_cuda_graph": "0"})

    @property
    def stated(self) -> dict[str, str]:
        """The settings as a report has them."""
        state = "on" if self.arena else "off"
        stated = {
            "intra_op_threads": str(self.attributes["intra_op_num_threads"]),
            "inter_op_threads": str(self.attributes["inter_op_num_threads"]),
            "execution_mode": "parallel" if self.branches else "sequential",
            "graph_optimization": f"{self.level}, offline" if self.offline else self.level,
            "memory_arena": state,
            "memory_pattern": state,
        }
        return stated | self.session | self.run | self.provider


def with_weights_beside(graph: str) -> dict[str, str]:
    """Return the entries of a session that saves the graph: together they may be too large."""
    key = "session.optimized_model_external_initializers"
    return {f"{key}_file_name": f"{graph}.data", f"{key}_min_size_in_bytes": "1024"}


def settings_of(
    provider: str,
    variants: Sequence[str],
    given: Sequence[str],
    threads: int,
    *,
    own: bool = False,
) -> SessionSettings:
    """Return the settings of a session.

    Args:
        provider: The provider that it runs on.
        variants: Changes of the pinned settings.
        given: Options of the provider, each ``key=value``; they override all others.
        threads: How many threads compute.
        own: Whether it is for one of simx's own graphs, which are small, and whose calls are never
            recorded, because their inputs have changing addresses.
    """
    session, options = dict(SESSION_ENTRIES), dict(PROVIDER_OPTIONS.get(provider, {}))
    named = dict(each.split("=", 1) for each in given)
    if provider in THREAD_OPTIONS:
        options |= _thread_options(provider, named.get(THREAD_OPTIONS[provider], str(threads)))
    if provider == XNNPACK:
        # Its documentation: threads of the session that spin would take the cores from its own.
        session["session.intra_op.allow_spinning"] = "0"
    for variant in variants:
        session |= _VARIANT_ENTRIES.get(variant, {})
        if provider == CUDA:
            options |= _VARIANT_OPTIONS.get(variant, {})
    options |= named
    arena = "no-arena" not in variants
    run = dict(RUN_ENTRIES) if provider in DEVICES else {}
    if provider == CUDA and not arena:
        # The provider always has an arena; this empties it after every call.
        run["memory.enable_memory_arena_shrinkage"] = f"gpu:{options.get('device_id', '0')}"
    settings = SessionSettings(
        session=session,
        run=run,
        provider=options,
        arena=arena,
        threads=threads,
        offline=OFFLINE in variants and not own,
        level=next((_LEVELS[each] for each in variants if each in _LEVELS), "all"),
        branches=min(_MOST_BRANCHES, threads) if "parallel" in variants else 0,
    )
    return settings.without_capturing() if own else settings


def _thread_options(provider: str, threads: str) -> dict[str, str]:
    options = {THREAD_OPTIONS[provider]: threads}
    if provider == OPENVINO:
        # The plug-in ignores the other option, which the build with OpenVINO has for longer. On
        # processors that have bfloat16, it would compute in that.
        options["load_config"] = (
            f'{{"CPU":{{"INFERENCE_NUM_THREADS":"{threads}","INFERENCE_PRECISION_HINT":"f32"}}}}'
        )
    return options

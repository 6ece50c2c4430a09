"""Kernels of profiled calls, as workers report them."""

import msgspec

Kind = str
"""What a kernel computes, in words, such as ``depthwise convolutions``; ``between kernels`` is the
runtime's own time, and that of Python."""


class Kernel(msgspec.Struct, frozen=True, kw_only=True):
    """The kernels of one call that are alike, with their ``count`` and their time together.

    ``operator`` is the runtime's name, and ``numbers`` the type of the input that it states.
    ``modules`` are all that a kernel was made of, as the network names them: empty text is the
    network's own function, and none means that it cannot be attributed. One that ``is_added`` is
    not in the graph that the runtime was given.
    """

    operator: str
    kind: Kind
    modules: tuple[str, ...] = ()
    numbers: str = ""
    is_added: bool = False
    count: int = 1
    ns: float = 0.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the exported graph: its floating-point operations, and the bytes of its values.

    ``modules`` has its module, and none if that is unknown. Weights are among what it ``reads``.
    """

    kind: Kind
    modules: tuple[str, ...]
    flops: int
    reads: dict[str, int]
    writes: dict[str, int]


Kernels = tuple[Kernel, ...]
"""Those of a typical profiled call, in their first order, with the time between them."""

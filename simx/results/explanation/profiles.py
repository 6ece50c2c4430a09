"""The kernels of profiled calls as those of a typical one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from msgspec.structs import replace

from simx.results.schema.kernels import Kernel, Kernels


def typical(calls: Sequence[Sequence[Kernel]]) -> Kernels:
    """Return the kernels of a typical call, each with its median time.

    Args:
        calls: at least one; or typical calls of several launches.
    """
    found: dict[Kernel, list[Kernel]] = defaultdict(list)
    for kernel in (kernel for call in calls for kernel in together(call)):
        found[replace(kernel, count=0, ns=0.0)].append(kernel)
    kernels = (
        # A kernel that most calls lack has no time.
        replace(of[0], ns=median([*(each.ns for each in of), *[0.0] * (len(calls) - len(of))]))
        for of in found.values()
    )
    return tuple(each for each in kernels if each.ns)


def together(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Return kernels that are alike as one, in the order of the first of each."""
    found: dict[Kernel, Kernel] = {}
    for each in kernels:
        key = replace(each, count=0, ns=0.0)
        so_far = found.get(key, key)
        found[key] = replace(key, count=so_far.count + each.count, ns=so_far.ns + each.ns)
    return list(found.values())

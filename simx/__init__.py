"""simx: which backend is faster for image embeddings, by how much, and is it still the same vector.

For notebooks and other programs this module has the functions of ``simx.api``. They are imported
when they are first used, so that ``import simx`` takes milliseconds.

The package is organised in rooms whose imports point one way:
``common, models -> images -> results -> workers -> exporter -> runner -> selfcheck``; ``report``
renders what ``results`` holds, and only ``cli`` and ``api`` see everything. See CONTRIBUTING.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simx.api import (
        bench,
        compare,
        compare_targets,
        evaluate,
        explain,
        export,
        history,
        preprocess,
        read_evaluation,
        read_report,
        rows,
        tune,
    )

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "bench",
    "compare",
    "compare_targets",
    "evaluate",
    "explain",
    "export",
    "history",
    "preprocess",
    "read_evaluation",
    "read_report",
    "rows",
    "tune",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a function of ``simx.api``
    """Import a function when it is first used: numpy and all the rest come with it."""
    if name not in __all__:
        raise AttributeError(f"module 'simx' has no attribute {name!r}")
    from simx import api  # noqa: PLC0415 - see above

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""Series of reports for the tests of histories."""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from simx.results.comparison.digest import digest
from simx.results.history.entries import Stored, entry
from simx.results.schema.report import Report
from tests.results.builders import around, identity, measured, report, timings

MODELS = ("resnet18", "resnet34", "resnet50", "resnet101")

Factor = Callable[[int, str, str], float]
"""By how much a day's time of a model on a backend is longer."""


def day(
    number: int,
    factor: Factor = lambda _day, _model, _backend: 1.0,
    *,
    models: Sequence[str] = MODELS,
    backends: Sequence[str] = ("torch", "ort"),
    **environment: object,
) -> Report:
    """Return the report of one day, with noise of 1 % and a bad or good day of 2 % in common."""
    random = np.random.default_rng(number)
    common = {backend: random.normal(0, 0.02) for backend in backends}
    cells = [
        measured(
            identity(model=model, backend=backend),
            of=tuple(
                msgspec.structs.replace(
                    timing,
                    launches=around(
                        100
                        * factor(number, model, backend)
                        * math.exp(common[backend] + random.normal(0, 0.01))
                    ),
                )
                for timing in timings(100)
                if timing.scope == "forward"
            ),
        )
        for model in models
        for backend in backends
    ]
    whole = report(*cells)
    assert whole.environment is not None
    return msgspec.structs.replace(
        whole,
        created=f"2026-{1 + number // 28:02}-{1 + number % 28:02}T12:00:00+00:00",
        environment=msgspec.structs.replace(whole.environment, **environment),
    )


def stored(reports: Sequence[Report]) -> list[Stored]:
    return [
        Stored(f"day{number:02}.json", entry(digest(each))) for number, each in enumerate(reports)
    ]

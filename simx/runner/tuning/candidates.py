"""What a search tries: the defaults with single changes, and then the changes that helped. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from msgspec.structs import replace

from simx.models.backbone import Precision
from simx.models.backend_name import BackendName
from simx.results.schema.config import BATCH, SINGLE_STREAM, Scenario, Setting
from simx.results.schema.tuning import TunedSettings
from simx.runner.backends.ort.settings import OFFLINE
from simx.runner.backends.registry import ALTERNATIVES
from simx.runner.bench.targets import Target

MOST_PRODUCTS = 24
"""Of threads and batches, for each backend; with more, some numbers of threads are left out."""

MOST_HELPFUL, MOST_SETTINGS = 3, 2
"""Variants of each backend that are combined, and batches with threads that they are combined with.
"""


class Candidate(NamedTuple):
    """Settings of a backend; ``base`` is the backend on its provider as it was asked for."""

    base: Target
    precision: Precision
    batch: int
    threads: int
    variants: frozenset[str] = frozenset()
    instances: int = 1
    scenario: Scenario = SINGLE_STREAM

    @property
    def target(self) -> Target:
        """What its cells are measured on."""
        backend = self.base.backend
        names = self.variants.union(backend.variants)
        chosen = tuple(each.name for each in backend.known_variants if each.name in names)
        return Target(replace(backend, variants=chosen), self.base.provider, self.precision)

    @property
    def setting(self) -> Setting:
        """The batch, threads and instances of its cells."""
        return Setting(self.batch, self.threads, self.instances)

    @property
    def settings(self) -> TunedSettings:
        """Its settings as a result has them."""
        backend, its = self.target.backend, self.setting._asdict()
        changes = "+".join((*backend.variants, *backend.options, *backend.variables))
        name = BackendName(
            title=backend.title,
            name=backend.name,
            environment=backend.interpreter or "",
            changes=changes,
        )
        return TunedSettings(
            backend=str(name), provider=self.base.provider, precision=self.precision, **its
        )

    def default(self, threads: int) -> "Candidate":
        """Return the default of its backend, called as it is called."""
        return Candidate(self.base, self.base.precision, BATCH, threads, scenario=self.scenario)

    def also(self, *variants: str) -> "Candidate":
        """Return the candidate with further variants."""
        return self._replace(variants=self.variants.union(variants))

    @property
    def contradicts_itself(self) -> bool:
        """Whether two of its variants exclude each other."""
        return any(each <= set(self.target.backend.variants) for each in ALTERNATIVES)


def defaults(targets: Sequence[Target], threads: int) -> tuple[Candidate, ...]:
    """Return each backend on each provider, in the first of its precisions."""
    bases = {(each.backend, each.provider): each for each in reversed(targets)}
    return tuple(Candidate(of, of.precision, BATCH, threads) for of in reversed(bases.values()))


def first_candidates(
    start: Sequence[Candidate], targets: Sequence[Target], batches: Sequence[int]
) -> tuple[Candidate, ...]:
    """Return the defaults, their single changes, and the products of threads and batches.

    Args:
        start: the defaults, with the most threads.
        targets: every backend on every provider in every precision.
        batches: in ascending order, the first one of the defaults.
    """
    found = dict.fromkeys(start)
    for default in start:
        settings = _products(batches, default.threads)
        found |= dict.fromkeys(default._replace(batch=of, threads=on) for of, on in settings)
        found |= dict.fromkeys(_variants(default))
        alike = (of for of in targets if replace(of, precision=default.precision) == default.base)
        found |= dict.fromkeys(default._replace(precision=of.precision) for of in alike)
    return tuple(found)


def combinations(
    start: Sequence[Candidate], logs: Mapping[Candidate, float], kept: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """Return the combinations of changes that helped, for the backends of kept candidates.

    A backend's best products of threads and batches are combined with each helpful variant, with
    the best two and the best three of them, and all of these with each helpful precision.

    Args:
        start: the defaults.
        logs: logarithms of the time per picture of the first candidates that did not fail.
        kept: those of them that stay in the search.
    """
    bases = {each.base for each in kept}
    chosen = (each for each in start if each in logs and each.base in bases)
    found = dict.fromkeys(each for default in chosen for each in _combined(default, logs))
    return tuple(each for each in found if each not in logs)


def _combined(default: Candidate, logs: Mapping[Candidate, float]) -> Iterator[Candidate]:
    ranked = [each for each in sorted(logs, key=lambda of: logs[of]) if each.base == default.base]
    helped = ranked[: ranked.index(default)]
    best: list[str] = []
    for each in (each for each in helped if each.variants):
        if len(best) < MOST_HELPFUL and not each.also(*best).contradicts_itself:
            best += each.variants
    together = [(), *((name,) for name in best), *(best[:end] for end in range(2, len(best) + 1))]
    precisions = [each.precision for each in helped if each.precision != default.precision]
    plain = [each for each in ranked if not each.variants and each.precision == default.precision]
    for each, precision in product(plain[:MOST_SETTINGS], (default.precision, *precisions)):
        yield from (each._replace(precision=precision).also(*names) for names in together)


def both_changes(default: Candidate, one: Candidate, other: Candidate) -> Candidate | None:
    """Return the candidate with two changes of a default; None if they exclude each other."""
    fields = {
        name: value
        for each in (one, other)
        for name in ("precision", "threads")
        if (value := getattr(each, name)) != getattr(default, name)
    }
    both = default._replace(**fields).also(*one.variants, *other.variants)
    return None if both in {one, other} or both.contradicts_itself else both


def on_instances(one: Candidate, cores: int) -> tuple[Candidate, ...]:
    """Return a candidate under load as one process, and as several that share the cores.

    Each of several calls takes longer, so that they are tried with smaller batches, too.
    """
    one = one._replace(scenario="offline")
    counts = [2**power for power in range(1, 12) if 2**power <= cores]
    several = (
        one._replace(instances=count, threads=cores // count, batch=max(BATCH, one.batch // less))
        for count in counts
        for less in (1, count)
    )
    return tuple(dict.fromkeys((one, *several)))


def _products(batches: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Return batches with threads: the most threads, and powers of two."""
    counts = [*(2**power for power in range(12) if 2**power < most), most]
    step = math.ceil(len(counts) * len(batches) / MOST_PRODUCTS)
    return product(batches, counts[::-step])


def _variants(default: Candidate) -> Iterator[Candidate]:
    """Yield the default with each variant that has an effect there, within the bound of parity.

    A recorded CUDA graph is left out: it is no setting, but another way to call. So is a saved
    graph, which changes no call. Networks that are compiled anew take longer than a search.
    """
    for variant in default.base.backend.known_variants:
        changed = default.also(variant.name)
        if (
            variant.name not in {"cuda-graph", OFFLINE}
            and not variant.compiles
            and (variant.providers is None or default.base.provider in variant.providers)
            and changed.target != default.target
            and changed.target.bounds == default.target.bounds
            and not changed.contradicts_itself
        ):
            yield changed

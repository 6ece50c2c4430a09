"""What a search tries: the defaults with single changes, and then the changes that helped. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from msgspec.structs import replace

from simx.models.backbone import Precision
from simx.results.schema.config import BATCH
from simx.runner.backends.registry import ALTERNATIVES
from simx.runner.bench.targets import Target

MOST_PRODUCTS = 24
"""Of threads and batches, for each backend; with more, every second number is left out."""

MOST_HELPFUL = 3
"""Variants of each backend that are combined."""

MOST_SETTINGS = 2
"""Batches with threads of each backend that variants are combined with."""


class Candidate(NamedTuple):
    """Settings of a backend; ``base`` is the backend on its provider as it was asked for."""

    base: Target
    precision: Precision
    batch: int
    threads: int
    variants: frozenset[str] = frozenset()

    @property
    def target(self) -> Target:
        """What its cells are measured on."""
        backend = self.base.backend
        names = self.variants.union(backend.variants)
        chosen = tuple(each.name for each in backend.known_variants if each.name in names)
        return Target(replace(backend, variants=chosen), self.base.provider, self.precision)

    def default(self, threads: int) -> "Candidate":
        """Return the default of its backend."""
        return Candidate(self.base, self.base.precision, BATCH, threads)

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
        for batch, threads in _products(batches, default.threads):
            found[default._replace(batch=batch, threads=threads)] = None
        found |= dict.fromkeys(default.also(name) for name in _variants(default))
        for each in targets:
            if replace(each, precision=default.precision) == default.base:
                found[default._replace(precision=each.precision)] = None
    return tuple(found)


def combinations(
    start: Collection[Candidate], logs: Mapping[Candidate, float], kept: Collection[Candidate]
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
    found: dict[Candidate, None] = {}
    for default in start:
        if default in logs and default.base in bases:
            found |= dict.fromkeys(_combined(default, logs))
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


def _products(batches: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Return batches with threads: powers of two, and the most threads."""
    counts = [*(count for power in range(12) if (count := 2**power) < most), most]
    while len(counts) * len(batches) > MOST_PRODUCTS:
        if len(counts) > len(batches):
            counts = counts[::-2][::-1]
        else:
            batches = batches[::2]
    return product(batches, counts)


def _variants(default: Candidate) -> Iterator[str]:
    """Yield the variants with an effect on the provider, which keep the bound of parity.

    A recorded CUDA graph is left out: it is no setting, but another way to call. So are networks
    that are compiled anew: that takes longer than a search.
    """
    for variant in default.base.backend.known_variants:
        changed = default.also(variant.name)
        if (
            variant.name != "cuda-graph"
            and not variant.compiles
            and (variant.providers is None or default.base.provider in variant.providers)
            and changed.target != default.target
            and changed.target.bounds == default.target.bounds
            and not changed.contradicts_itself
        ):
            yield variant.name

"""The findings of ``simx tune``: the fastest settings of each backbone, and what they gain."""

import msgspec

from simx.models.backbone import Precision
from simx.results.schema.config import SINGLE_STREAM, Goal, Scenario
from simx.results.schema.environment import Environment
from simx.results.statistics.estimates import Estimate, Ratio


class TunedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings; the backend is named as on a command line, and each instance has the threads."""

    backend: str
    provider: str
    precision: Precision
    batch: int
    threads: int
    instances: int = 1


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """The winner of a search, or the defaults of a backend, measured after it.

    ``call`` is the time of a call. ``gain`` is how many times as many pictures a second the winner
    embeds; None for the winner.
    """

    settings: TunedSettings
    call: Estimate
    gain: Ratio | None = None


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a ``change`` of the defaults does: a factor and its value, or the backend.

    ``settings`` are the fastest that were measured with and without it, and have it. ``gain`` is
    how many times as many pictures a second they then embed, in the search's common rounds.
    """

    settings: TunedSettings
    change: str
    gain: Ratio


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """What two changes of the defaults do together, in the same rounds as each of them.

    ``gain`` is theirs, as for ``Effect``, and ``excess`` how many times it is the product of the
    two changes' own gains.
    """

    settings: TunedSettings
    changes: tuple[str, str]
    gain: Ratio
    excess: Ratio


class OutOfSearch(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that could not win, and why."""

    settings: TunedSettings
    reason: str


class TunedModel(msgspec.Struct, frozen=True, kw_only=True):
    """What was found for one backbone.

    ``default`` are the defaults of the winner's backend. ``best`` is the winner if it gains over
    them, or if they fail or take too long, and otherwise these defaults; None with a ``problem``.
    ``confirmed`` has the winner and the defaults of all backends. ``noisy`` means that most rounds
    of the confirmation were disturbed, and ``busy`` that the machine was too busy for times that
    are figures; then there is no gain. ``candidates`` and ``launches`` count those of the search,
    and ``confirming`` the launches after it. ``code`` makes the best settings.
    """

    model: str
    weights: str
    winner: TunedSettings | None = None
    default: TunedSettings | None = None
    best: TunedSettings | None = None
    problem: str = ""
    confirmed: tuple[Confirmed, ...] = ()
    noisy: bool = False
    busy: bool = False
    effects: tuple[Effect, ...] = ()
    out: tuple[OutOfSearch, ...] = ()
    candidates: int = 0
    launches: int = 0
    confirming: int = 0
    seconds: float = 0.0
    code: str = ""

    @property
    def gain(self) -> Ratio | None:
        """The winner's gain over the defaults of its backend; None if it has none."""
        return next((each.gain for each in self.confirmed if each.settings == self.default), None)


class BenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of ``simx bench``, with which it measures the best settings beside the defaults."""

    backend: tuple[str, ...]
    provider: tuple[str, ...]
    precision: tuple[Precision, ...]
    batch: tuple[int, ...]
    threads: tuple[int, ...]
    instances: tuple[int, ...] = (1,)
    scenario: Scenario = SINGLE_STREAM


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one run; ``max_latency_seconds`` is the longest that a call may take."""

    created: str
    simx: str
    environment: Environment
    goal: Goal
    max_latency_seconds: float | None
    seed: int
    settings: BenchOptions
    models: tuple[TunedModel, ...]

"""Exporting with its progress and warnings, as ``export`` and ``bench`` both do it."""

from collections.abc import Sequence

from simx.cli.output import tell
from simx.cli.progress import Steps, steps
from simx.exporter.export import Exported, ExportPlan, NotExported, Outcome, export
from simx.exporter.store import Store
from simx.models.backbone import Backbone

_MEGABYTE = 1_000_000


def export_with_progress(
    backbones: Sequence[Backbone], store: Store, plan: ExportPlan
) -> list[Outcome]:
    """Export backbones, say on stderr what happens, and warn where weights are random.

    Returns:
        One outcome per backbone, in the order of the backbones.
    """
    outcomes: list[Outcome] = []
    with steps(len(backbones)) as shown:
        announcer = _Announcer(shown)
        for outcome in export(
            backbones,
            store,
            plan,
            on_start=announcer.begin,
            on_wait=announcer.wait,
            progress=announcer.download,
        ):
            outcomes.append(outcome)
            announcer.end(outcome.backbone)
            if isinstance(outcome, NotExported):
                tell(describe_failure(outcome))
    _warn_of_random_weights(outcomes, plan)
    return sorted(outcomes, key=lambda outcome: backbones.index(outcome.backbone))


def describe_failure(outcome: NotExported) -> str:
    """Return one line about a backbone that could not be exported."""
    return f"{outcome.backbone.name} was not exported: {outcome.stage}: {outcome.reason}"


class _Announcer:
    """Turns what the exporter tells into one line of progress."""

    def __init__(self, shown: Steps) -> None:
        self._shown = shown
        self._running: list[str] = []
        self._finished = 0

    def begin(self, backbone: Backbone) -> None:
        """Announce a further backbone, or one that is begun again."""
        if backbone.name not in self._running:
            self._running.append(backbone.name)
        self._say(f"exporting {', '.join(self._running)}")

    def end(self, backbone: Backbone) -> None:
        """Count a backbone as finished."""
        self._running.remove(backbone.name)
        self._finished += 1

    def wait(self, backbones: Sequence[Backbone]) -> None:
        """Say what nothing can be done about but to wait."""
        names = ", ".join(backbone.name for backbone in backbones)
        tell(f"{names}: another process is exporting; what it makes is waited for and taken")

    def download(self, backbone: Backbone, done: int, total: int | None) -> None:
        """Announce how far a backbone's download is."""
        size = "" if total is None else f" of {total // _MEGABYTE}"
        self._say(f"downloading {backbone.name}: {done // _MEGABYTE}{size} MB")

    def _say(self, text: str) -> None:
        self._shown.at(self._finished, text)


def _warn_of_random_weights(outcomes: Sequence[Outcome], plan: ExportPlan) -> None:
    """``auto`` must never pass random weights off as trained ones."""
    random = [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Exported)
        and outcome.entry.manifest.identity.weights_origin == "random"
    ]
    if random and plan.request.kind == "auto":
        count = f"{len(random)} backbones have" if len(random) > 1 else "one backbone has"
        tell(
            f"{count} random weights, because no pretrained ones are here: latencies hold, "
            "similarities mean nothing; --weights pretrained downloads them"
        )

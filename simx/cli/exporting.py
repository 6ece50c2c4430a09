"""Exporting with its progress and warnings, as ``export`` and ``bench`` both do it."""

from collections.abc import Sequence

from simx.cli.downloading import Downloading, announce
from simx.cli.output import tell, tell_once
from simx.cli.progress import Steps, steps
from simx.exporter.jobs.export import export, to_download
from simx.exporter.jobs.plan import Exported, ExportPlan, NotExported, Outcome
from simx.exporter.store.store import Store
from simx.exporter.weights.download import Listener
from simx.models.backbone import Backbone, Precision


def export_with_progress(
    backbones: Sequence[Backbone], store: Store, plan: ExportPlan
) -> list[Outcome]:
    """Export backbones, say on stderr what happens, and warn where weights are random.

    Returns:
        One outcome per backbone and precision, in the order of the backbones.

    Raises:
        InputError: a weights file that was named is not usable.
        SystemFailureError: a disk has no room, or the system failed on simx's own files.
    """
    outcomes: list[Outcome] = []
    lacking = to_download(backbones, store, plan)
    announce(lacking, offline=plan.offline)
    with steps(len(backbones) * len(plan.precisions)) as shown:
        announcer = _Announcer(shown)

        def arrived(backbone: Backbone) -> None:
            downloading.arrived(backbone)
            announcer.say_what_runs()

        downloading = Downloading(lacking, announcer.say)
        listener = Listener(progress=downloading.progress, arrived=arrived, notice=tell_once())
        for outcome in export(
            backbones,
            store,
            plan,
            on_start=announcer.begin,
            on_wait=announcer.wait,
            listener=listener,
        ):
            outcomes.append(outcome)
            announcer.end(outcome.backbone, outcome.precision)
            downloading.end(outcome.backbone)
            if isinstance(outcome, NotExported):
                tell(describe_failure(outcome))
    _warn_of_random_weights(outcomes, plan)
    return sorted(
        outcomes,
        key=lambda outcome: (
            backbones.index(outcome.backbone),
            plan.precisions.index(outcome.precision),
        ),
    )


def describe_failure(outcome: NotExported) -> str:
    """Return one line about a backbone that could not be exported."""
    what = _name(outcome.backbone, outcome.precision)
    return f"{what} was not exported: {outcome.stage}: {outcome.reason}"


class _Announcer:
    """Turns what the exporter tells into one line of progress."""

    def __init__(self, shown: Steps) -> None:
        self._shown = shown
        self._running: list[str] = []
        self._finished = 0

    def begin(self, backbone: Backbone, precision: Precision) -> None:
        """Announce a further export, or one that is begun again."""
        name = _name(backbone, precision)
        if name not in self._running:
            self._running.append(name)
        self.say_what_runs()

    def say_what_runs(self) -> None:
        """Announce all that is being exported."""
        self.say(f"exporting {', '.join(self._running)}")

    def end(self, backbone: Backbone, precision: Precision) -> None:
        """Count an export as finished."""
        name = _name(backbone, precision)
        if name in self._running:  # what failed before its turn was never announced
            self._running.remove(name)
        self._finished += 1

    def wait(self, backbones: Sequence[Backbone]) -> None:
        """Say what nothing can be done about but to wait."""
        names = ", ".join(backbone.name for backbone in backbones)
        tell(f"{names}: another process is exporting; what it makes is waited for and taken")

    def say(self, text: str) -> None:
        """Announce what is being done now."""
        self._shown.at(self._finished, text)


def _name(backbone: Backbone, precision: Precision) -> str:
    return backbone.name if precision == "fp32" else f"{backbone.name} in {precision}"


def _warn_of_random_weights(outcomes: Sequence[Outcome], plan: ExportPlan) -> None:
    """``auto`` must never pass random weights off as trained ones."""
    random = {
        outcome.backbone
        for outcome in outcomes
        if isinstance(outcome, Exported)
        and outcome.entry.manifest.identity.weights_origin == "random"
    }
    if random and plan.request.kind == "auto":
        count = f"{len(random)} backbones have" if len(random) > 1 else "one backbone has"
        tell(
            f"{count} random weights, because no pretrained ones are here: latencies hold, "
            "similarities mean nothing; --weights pretrained downloads them"
        )

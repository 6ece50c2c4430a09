"""``simx.explain``: where the time goes, on two targets side by side."""

from collections.abc import Sequence
from contextlib import nullcontext

import msgspec

from simx.api.arguments import AnyPath, Names, asked
from simx.exporter.jobs.plan import ExportListener
from simx.exporter.weights.request import WeightsRequest
from simx.models.backbone import Precision
from simx.results.schema.explanation import Explanation
from simx.runner.bench.session import Measuring
from simx.runner.explaining.explain import EXPLAINING, explain_backbone


def explain(  # noqa: PLR0913 - the options of the command
    model: Names = (),
    *,
    backends: Names = ("torch", "ort"),
    providers: Names = ("cpu",),
    precisions: Sequence[Precision] = ("fp32",),
    weights: AnyPath | WeightsRequest = "auto",
    offline: bool = False,
    threads: int | None = None,
    by_setting: bool = False,
    seed: int = 0,
    store: AnyPath | None = None,
    listener: ExportListener = ExportListener(),  # noqa: B008 - it has no state
    measuring: Measuring = lambda _: nullcontext(lambda *_: None),
) -> Explanation:
    """Find out where a backbone's time goes on two targets, and what makes the difference.

    The calling process should be idle meanwhile: its computations disturb the measurement.

    Backends, providers and precisions make two targets, on the processor. With
    ``by_setting`` single changes of the settings of both are measured, too. All other arguments
    are as for ``bench``.

    Raises:
        InputError: an argument is not usable.
        ProviderUnavailableError: a backend or a provider cannot be used here.
        TargetFailedError: a target fails, or cannot be profiled.
        SystemFailureError: the system failed on simx's own files.
    """
    config, inputs = asked(
        msgspec.structs.replace(EXPLAINING, seed=seed),
        select=model,
        backends=backends,
        providers=providers,
        precisions=precisions,
        weights=weights,
        offline=offline,
        threads=threads,
        store=store,
    )
    return explain_backbone(config, inputs, listener, measuring, by_setting=by_setting)

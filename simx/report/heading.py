"""What was measured, where and with what: the lines above a report's tables."""

from collections.abc import Iterator

from simx.report.clean import clean
from simx.report.names import TIMES, provider_name
from simx.results.machine import peaks
from simx.results.schema import IMAGES, Config, Report

IMAGE_WORDS = {"negative_resized": "resized negative"}


def heading(report: Report) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each line's name and its items, cleaned."""
    lines = (
        ("machine", _machine(report)),
        ("software", _software(report)),
        ("measured", _measured(report)),
        ("pictures", _pictures(report)),
    )
    return tuple((name, tuple(clean(item) for item in items)) for name, items in lines if items)


def _machine(report: Report) -> tuple[str, ...]:
    environment, threads = report.environment, report.config.threads
    quota, governor = environment.quota_cores, environment.governor
    return (
        environment.cpu,
        environment.architecture,
        f"{environment.affinity_cores} of {environment.logical_cores} cores",
        *(() if quota is None else (f"quota {quota:g} cores",)),
        f"{threads} thread{'' if threads == 1 else 's'}",
        f"{environment.memory_bytes / 2**30:.0f} GiB",
        environment.system,
        *(("in a container",) if environment.container else ()),
        *(() if governor is None else (f"governor {governor}",)),
        *(f"{gpu.name}, driver {gpu.driver}" for gpu in environment.gpus),
        *_peaks(report),
    )


def _peaks(report: Report) -> Iterator[str]:
    """Yield the peak that cells' shares refer to, of each provider."""
    for provider, peak in peaks(report.canary).items():
        yield f"peak {peak / 1e9:.0f} GFLOP/s on {provider_name(provider)}"


def _software(report: Report) -> tuple[str, ...]:
    libraries = report.environment.libraries.items()
    return (
        f"simx {report.simx}",
        f"Python {report.environment.python}",
        *(f"{name} {version}" for name, version in libraries),
    )


def _measured(report: Report) -> tuple[str, ...]:
    config = report.config
    return (
        report.created,
        f"profile {config.profile}",
        *_launches(config),
        f"{config.rounds} rounds",
        f"seed {config.seed}",
        f"embedding {config.embedding}",
        config.precision,
        f"batch {config.batch}",
        f"weights {config.weights}",
    )


def _launches(config: Config) -> tuple[str, ...]:
    budget = config.budget_seconds
    asked = (
        f"{config.launches} launches"
        if config.half_width is None
        else f"{config.pilot} launches and up for ±{100 * config.half_width:g}%"
    )
    return (asked, *(() if budget is None else (f"{budget:g} s for each",)))


def _pictures(report: Report) -> tuple[str, ...]:
    pictures = report.config.pictures
    return tuple(
        f"{IMAGE_WORDS.get(image, image)} {picture.width}{TIMES}{picture.height}, "
        f"{picture.bytes / 1e3:.1f} kB{'' if picture.bundled else ' (own)'}"
        for image in IMAGES
        if (picture := pictures.get(image))
    )

"""One of a thing is not said in the plural, in any rendering."""

import re

import msgspec

from simx.report.content import Screen, render
from simx.report.contents import diagnosis_content
from simx.results.schema.diagnosis import StoreDiagnosis
from simx.results.schema.report import Report, Stop
from tests.report.every import renderings
from tests.results.builders import identity, measured, report
from tests.runner.test_doctor import SOUND

_PLURAL_OF_ONE = re.compile(
    r"(?<![\d.,])1 (?:launches|rounds|threads|cores|backbones|cells|calls|runs|exports)\b"
)


def _of_one(*, half_width: float | None) -> Report:
    """Return a report of one launch of one round on one thread of one core."""
    found = report(
        measured(msgspec.structs.replace(identity(), threads=1), few_calls=True),
        measured(msgspec.structs.replace(identity(backend="ort"), threads=1), few_calls=True),
    )
    assert found.config is not None
    assert found.environment is not None
    return msgspec.structs.replace(
        found,
        config=msgspec.structs.replace(
            found.config, launches=1, pilot=1, rounds=1, threads=1, half_width=half_width
        ),
        environment=msgspec.structs.replace(
            found.environment, logical_cores=1, affinity_cores=1, quota_cores=1.0
        ),
        stops=(
            Stop(
                model="resnet18",
                weights="IMAGENET1K_V1",
                ended_by="budget",
                launches=1,
                needed=1,
                seconds=5.0,
            ),
        ),
    )


def test_one_of_everything_is_singular() -> None:
    """Launches, rounds, threads, cores and backbones, in each format that has sentences."""
    for half_width in (None, 0.015):
        for name, text in renderings(_of_one(half_width=half_width)):
            if name.startswith(("table", "markdown")):
                line = " ".join(text.split())
                assert "1 thread" in line or name.endswith("pareto")
                assert _PLURAL_OF_ONE.findall(line) == [], name


def test_the_doctor_counts_as_well() -> None:
    """One core, thread and export."""
    one = msgspec.structs.replace(
        SOUND.environment, logical_cores=1, affinity_cores=1, quota_cores=1.0
    )
    store = StoreDiagnosis(exports=1, free_bytes=10**9)
    found = msgspec.structs.replace(SOUND, environment=one, threads=1, store=store)
    text = render(diagnosis_content(found), "markdown", Screen(width=100))

    assert "1 of 1 core · 1 thread · quota 1 core" in text
    assert "store: 1 export," in text

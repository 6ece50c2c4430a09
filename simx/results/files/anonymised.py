"""What a report leaves out of a configuration: folders, in which names of users may be."""

from typing import TypeVar

import msgspec

from simx.common.anonymous import anonymous
from simx.models.backend_name import BackendName
from simx.results.schema.config import Config
from simx.results.schema.evaluation import EvaluationConfig

AnyConfig = TypeVar("AnyConfig", Config, EvaluationConfig)


def anonymised(config: AnyConfig) -> AnyConfig:
    """Return a configuration as a report keeps it.

    A backend has its label in place of an environment, and a path in an option is the name of its
    file.
    """
    return msgspec.structs.replace(
        config,
        backends=tuple(
            _without_folders(BackendName.parse(name).in_a_report) for name in config.backends
        ),
        provider_options=tuple(map(_without_folders, config.provider_options)),
        env=tuple(map(_without_folders, config.env)),
    )


def _without_folders(text: str) -> str:
    return "+".join(anonymous(part) if "/" in part else part for part in text.split("+"))

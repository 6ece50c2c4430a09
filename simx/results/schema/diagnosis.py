"""What ``simx doctor`` found, as types. Data only."""

import msgspec

from simx.results.schema.environment import Environment


class ProviderDiagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a tiny graph ran on one backend and provider.

    ``proof`` counts its nodes there and elsewhere, empty for a backend without a graph. ``reason``
    says why it cannot be used and ``remedy`` what would help; both are None for a usable one.
    ``named`` means that the user named it. ``libraries`` are those loaded for it, by name, with
    their versions.
    """

    backend: str
    provider: str
    named: bool
    proof: dict[str, int]
    reason: str | None
    remedy: str | None
    libraries: dict[str, str] = {}

    @property
    def usable(self) -> bool:
        """Whether it can be measured with."""
        return self.reason is None


class PluginDiagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """An installed package that adds providers to ONNX Runtime.

    ``devices`` are those that it finds on this machine; ``problem`` is why it cannot be loaded.
    """

    name: str
    providers: tuple[str, ...]
    devices: tuple[str, ...]
    problem: str | None


class StoreDiagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds, and the bytes free where it lies."""

    exports: int
    free_bytes: int


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What this install and machine can do.

    ``threads`` is every backend's default. ``distributions`` are the installed ones that contain
    ONNX Runtime, by name, with their versions. ``cuda`` is the CUDA that each backend was built
    for. ``store`` is None for a user without a home folder. ``cached_weights`` counts the
    pretrained weights that need no download. ``cpp_compiler`` is the name of the one that torch's
    compiler calls, None without one. ``problems`` are sentences on what is broken and how
    to mend it, ``advice`` on what improves the figures.
    """

    environment: Environment
    threads: int
    providers: tuple[ProviderDiagnosis, ...]
    distributions: dict[str, str]
    cuda: dict[str, str]
    plugins: tuple[PluginDiagnosis, ...] = ()
    store: StoreDiagnosis | None
    cached_weights: int
    cpp_compiler: str | None = None
    problems: tuple[str, ...]
    advice: tuple[str, ...]

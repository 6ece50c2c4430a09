"""Execution providers in packages of their own, in addition to a build of ONNX Runtime.

Imports these small packages and no runtime. Source of their functions:
https://onnxruntime.ai/docs/execution-providers/plugin-ep-libraries/packaging.html.
"""

from importlib import import_module, metadata

import msgspec

_RUNTIME = "onnxruntime"


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """An installed package with providers, by ONNX Runtime's names, and the path of its library."""

    distribution: str
    version: str
    providers: tuple[str, ...]
    library_path: str

    @property
    def name(self) -> str:
        """The distribution with its version."""
        return f"{self.distribution} {self.version}"


def installed_plugins() -> tuple[Plugin, ...]:
    """Return the plug-ins of this environment."""
    found = (_plugin(each) for each in metadata.distributions() if _may_concern(each))
    return tuple(filter(None, found))


def plugin_for(provider: str) -> Plugin | None:
    """Return the plug-in that has a provider, or None."""
    return next((each for each in installed_plugins() if provider in each.providers), None)


def runtime_distributions() -> dict[str, str]:
    """Return the installed builds of ONNX Runtime, known by their folder, with their versions."""
    return {
        each.metadata["Name"]: each.version
        for each in metadata.distributions()
        if _may_concern(each) and _RUNTIME in _packages(each)
    }


def _may_concern(distribution: metadata.Distribution) -> bool:
    name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
    return name == _RUNTIME or name.startswith(f"{_RUNTIME}-")


def _plugin(distribution: metadata.Distribution) -> Plugin | None:
    packages = _packages(distribution)
    for package in () if _RUNTIME in packages else packages:
        try:
            module = import_module(package)
            several = getattr(module, "get_ep_names", None)
            names = several() if several else [module.get_ep_name()]
            return Plugin(
                distribution=distribution.metadata["Name"],
                version=distribution.version,
                providers=tuple(map(str, names)),
                library_path=str(module.get_library_path()),
            )
        # A third party's package may raise anything; then it has no provider.
        except Exception:  # noqa: BLE001, S112
            continue
    return None


def _packages(distribution: metadata.Distribution) -> list[str]:
    """Return the packages that a distribution installs at the top level."""
    files = distribution.files or []
    return sorted({path.parts[0] for path in files if path.parts[1:] == ("__init__.py",)})

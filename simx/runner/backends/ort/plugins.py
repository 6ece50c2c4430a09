"""Execution providers in packages of their own, in addition to a build of ONNX Runtime.

Such a package contains the provider as a library. Its ``get_library_path()`` and ``get_ep_names()``
return the path and the names, as ONNX Runtime's packaging guidance requires
(https://onnxruntime.ai/docs/execution-providers/plugin-ep-libraries/packaging.html). Imports these
packages, which are a few lines of Python, and no runtime.
"""

from importlib import import_module, metadata
from typing import Any

import msgspec

_PREFIX = "onnxruntime-"
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
    return tuple(plugin for plugin in found if plugin is not None)


def plugin_for(provider: str) -> Plugin | None:
    """Return the plug-in that has a provider, or None."""
    return next((each for each in installed_plugins() if provider in each.providers), None)


def runtime_distributions() -> dict[str, str]:
    """Return the installed distributions of ONNX Runtime itself, with their versions.

    They are recognised by the folder that they install, and not by their names.
    """
    return {
        each.metadata["Name"]: each.version
        for each in metadata.distributions()
        if _may_concern(each) and _RUNTIME in _packages(each)
    }


def _may_concern(distribution: metadata.Distribution) -> bool:
    name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
    return name == _RUNTIME or name.startswith(_PREFIX)


def _plugin(distribution: metadata.Distribution) -> Plugin | None:
    packages = _packages(distribution)
    if _RUNTIME in packages:
        return None
    found = (_brought_by(package, distribution) for package in packages)
    return next((plugin for plugin in found if plugin is not None), None)


def _brought_by(package: str, distribution: metadata.Distribution) -> Plugin | None:
    try:
        module = import_module(package)
        return Plugin(
            distribution=distribution.metadata["Name"],
            version=distribution.version,
            providers=tuple(_providers(module)),
            library_path=str(module.get_library_path()),
        )
    # A third party's package may raise anything; then it has no provider.
    except Exception:  # noqa: BLE001
        return None


def _providers(module: Any) -> list[str]:  # noqa: ANN401 - a third party's package
    names = getattr(module, "get_ep_names", None)
    return [str(name) for name in (names() if names else [module.get_ep_name()])]


def _packages(distribution: metadata.Distribution) -> list[str]:
    """Return the packages that a distribution installs at the top level."""
    files = distribution.files or []
    return sorted({path.parts[0] for path in files if path.parts[1:] == ("__init__.py",)})

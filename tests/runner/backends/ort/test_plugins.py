"""Providers that come as packages: found by what they say of themselves, and used for real."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnxruntime
import pytest

from simx.runner.backends.contract import BackendError, Task
from simx.runner.backends.ort import session
from simx.runner.backends.ort.backend import OrtRuntime
from simx.runner.backends.ort.plugins import (
    Plugin,
    installed_plugins,
    plugin_for,
    runtime_distributions,
)
from simx.runner.backends.ort.session import chosen_device, devices
from simx.runner.backends.providers import provider_named, remedy
from simx.runner.backends.registry import BACKENDS

SOUND = """
def get_library_path(): return "/nowhere/libfictional.so"
def get_ep_names(): return ["FictionalExecutionProvider"]
"""
CPU = "CPUExecutionProvider"
PLUGIN = Plugin(
    distribution="onnxruntime-ep-cpu", version="1.0", providers=(CPU,), library_path="/nowhere.so"
)
ORT = next(spec for spec in BACKENDS if spec.name == "ort")


@pytest.fixture(name="install")
def _install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a made-up distribution with one package, as pip leaves it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(name: str, package: str, source: str) -> None:
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "__init__.py").write_text(source, encoding="utf-8")
        facts = tmp_path / f"{name.replace('-', '_')}-7.1.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Name: {name}\nVersion: 7.1\n", encoding="utf-8")
        (facts / "RECORD").write_text(f"{package}/__init__.py,,\n", encoding="utf-8")

    return install


def test_a_plug_in_is_found_by_what_it_says(install: Any) -> None:
    """With the providers it brings, and by the name that a user may type."""
    install("onnxruntime-ep-fictional", "onnxruntime_ep_fictional", SOUND)
    found = plugin_for("FictionalExecutionProvider")
    assert found is not None

    assert found.name == "onnxruntime-ep-fictional 7.1"
    assert found.library_path == "/nowhere/libfictional.so"
    assert provider_named("fictional") == "FictionalExecutionProvider"
    assert provider_named("FictionalExecutionProvider") == "FictionalExecutionProvider"
    assert "onnxruntime-ep-fictional" in remedy(ORT, "FictionalExecutionProvider")


def test_an_older_plug_in_has_one_name(install: Any) -> None:
    """There are packages with ``get_ep_name`` alone."""
    source = SOUND.replace("get_ep_names", "get_ep_name").replace("[", "").replace("]", "")
    install("onnxruntime-old", "onnxruntime_old", source)

    assert plugin_for("FictionalExecutionProvider") is not None


@pytest.mark.parametrize(
    "source", ["", "raise RuntimeError('no')", "def get_library_path(): 1 / 0"]
)
def test_what_only_looks_like_a_plug_in_is_none(install: Any, source: str) -> None:
    """A package of another kind, or one that is broken, takes nothing down."""
    install("onnxruntime-broken", "onnxruntime_broken", source)

    assert "onnxruntime-broken" not in {each.distribution for each in installed_plugins()}


def test_a_build_is_what_installs_the_runtime_s_folder(install: Any) -> None:
    """Whatever it is called; a plug-in is none."""
    install("onnxruntime-novel", "onnxruntime", "")
    install("onnxruntime-ep-fictional", "onnxruntime_ep_fictional", SOUND)

    assert runtime_distributions()["onnxruntime-novel"] == "7.1"
    assert "onnxruntime-ep-fictional" not in runtime_distributions()


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processor's provider be one that only a plug-in brings; its device is real."""
    monkeypatch.setattr(session, "BUILT_IN", ())
    monkeypatch.setattr(session, "plugin_for", lambda name: PLUGIN if name == CPU else None)


@pytest.mark.usefixtures("plugged_in")
def test_a_session_is_made_by_its_device(task: Task) -> None:
    """With every node proven, and what brought the provider kept with the cell."""
    facts = OrtRuntime().create(task).facts

    assert set(facts.placement) == {CPU}
    assert facts.settings["provider_source"] == "onnxruntime-ep-cpu 1.0"
    assert OrtRuntime().probe(CPU, ["device_type=cpu"]) == OrtRuntime().probe(CPU)


@pytest.mark.usefixtures("plugged_in")
def test_a_device_of_another_type_is_refused() -> None:
    """The types that there are, are told."""
    with pytest.raises(BackendError, match="no device of the type NPU here, but CPU"):
        OrtRuntime().probe(CPU, ["device_type=NPU"])


def test_the_build_s_own_provider_goes_first(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in of the same name is left alone, and the cell says so."""
    monkeypatch.setattr(session, "plugin_for", lambda _: PLUGIN)

    assert OrtRuntime().create(task).facts.settings["provider_source"] == "built in"


def test_a_library_that_cannot_be_loaded_is_told_in_one_line() -> None:
    """By the plug-in's name, without its folder."""
    plugin = Plugin(
        distribution="onnxruntime-ep-lost",
        version="2.0",
        providers=("LostExecutionProvider",),
        library_path="/nowhere/at/all/liblost.so",
    )
    with pytest.raises(BackendError, match=r"onnxruntime-ep-lost 2\.0 cannot be loaded") as caught:
        devices(plugin, "LostExecutionProvider")

    assert "/nowhere" not in str(caught.value)
    assert "\n" not in str(caught.value)


def device(kind: str, **told: str) -> Any:
    hardware = SimpleNamespace(type=SimpleNamespace(name=kind), vendor="Maker", metadata=told)
    return SimpleNamespace(ep_name="XExecutionProvider", device=hardware)


def test_a_virtual_device_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It compiles for hardware that is not here, and never runs."""
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: [device("NPU", is_virtual="1")])
    monkeypatch.setattr(onnxruntime, "register_execution_provider_library", lambda *_: None)

    with pytest.raises(BackendError, match=r"onnxruntime-ep-cpu 1\.0 finds no device for XExec"):
        chosen_device(PLUGIN, "XExecutionProvider", None)


def test_the_first_device_is_taken_unless_another_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the order in which the plug-in lists them."""
    there = [device("GPU"), device("CPU"), device("NPU")]
    monkeypatch.setattr(onnxruntime, "get_ep_devices", lambda: there)

    assert chosen_device(PLUGIN, "XExecutionProvider", None) is there[0]
    assert chosen_device(PLUGIN, "XExecutionProvider", "npu") is there[2]

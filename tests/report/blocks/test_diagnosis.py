"""What the doctor says, in words."""

import msgspec

from simx.report.content import Screen, render
from simx.report.contents import diagnosis_content
from simx.results.schema.diagnosis import Diagnosis, PluginDiagnosis, ProviderDiagnosis
from tests.report.samples import HOSTILE
from tests.runner.test_doctor import SOUND, USABLE


def shown(of: Diagnosis) -> str:
    return " ".join(render(diagnosis_content(of), "markdown", Screen(width=100)).split())


def plugin(*devices: str, name: str = "onnxruntime-ep-x 1.0", problem: str | None = None) -> str:
    known = PluginDiagnosis(
        name=name, providers=("XExecutionProvider",), devices=devices, problem=problem
    )
    return shown(msgspec.structs.replace(SOUND, plugins=(known,)))


def test_a_plug_in_is_known_with_its_devices() -> None:
    """Or that it finds none, or why it cannot be loaded."""
    assert (
        "plug-in onnxruntime-ep-x 1.0 brings XExecutionProvider: it finds GPU of Maker"
        in plugin("GPU of Maker")
    )
    assert "XExecutionProvider: it finds no device here" in plugin()
    assert "XExecutionProvider: it cannot be loaded" in plugin(problem="it cannot be loaded")


def test_what_was_loaded_is_known() -> None:
    """With its version where it has one."""
    known: ProviderDiagnosis = msgspec.structs.replace(
        USABLE, libraries={"libcudart": "13.5", "libonnxruntime_providers_cuda": ""}
    )
    text = shown(msgspec.structs.replace(SOUND, providers=(known,)))

    assert "loaded by ort cpu: libcudart 13.5 · libonnxruntime" in text.replace("\\", "")


def test_what_a_package_says_stays_text() -> None:
    """Its name and its libraries come from anywhere."""
    known: ProviderDiagnosis = msgspec.structs.replace(USABLE, libraries={HOSTILE: HOSTILE})
    text = plugin(HOSTILE, name=HOSTILE) + shown(msgspec.structs.replace(SOUND, providers=(known,)))

    assert "\x1b" not in text
    assert "\u202e" not in text

"""Which libraries of providers were really loaded."""

import pytest

from simx.runner.measure.loaded_libraries import cudnn_version, libraries_in, loaded_libraries

PATHS = (
    "/home/ada/env/nvidia/cu13/lib/libcudart.so.13",
    "/home/ada/env/nvidia/cudnn/lib/libcudnn.so.9",
    "/home/ada/env/nvidia/cudnn/lib/libcudnn_graph.so.9",
    "/usr/lib/libcuda.so.570.86.10",
    "/home/ada/env/onnxruntime/capi/libonnxruntime_providers_cuda.so",
    "/home/ada/env/onnxruntime/capi/libonnxruntime_providers_shared.so",
    "/home/ada/env/openvino/libopenvino.so.2641",
    "/usr/lib/libc.so.6",
    "[heap]",
    "",
)


def test_libraries_of_providers_are_told_by_name_and_version() -> None:
    """Without the folders they lie in, and without whatever else is loaded."""
    found = libraries_in(PATHS, lambda name, _: "9.28.1" if name == "libcudnn" else None)

    assert found == {
        "libcudart": "13",
        "libcudnn": "9.28.1",
        "libcuda": "570.86.10",
        "libonnxruntime_providers_cuda": "",
        "libopenvino": "2641",
    }


def test_a_library_that_cannot_be_asked_keeps_the_number_of_its_file() -> None:
    """There is none at this path."""
    assert libraries_in(["/nowhere/libcudart.so.13", "/nowhere/libcudnn.so.9"]) == {
        "libcudart": "13",
        "libcudnn": "9",
    }


@pytest.mark.parametrize(("number", "version"), [(92801, "9.28.1"), (90300, "9.3.0")])
def test_cudnn_counts_in_one_number(number: int, version: str) -> None:
    """As its header does."""
    assert cudnn_version(number) == version


def test_a_process_can_be_asked() -> None:
    """No folder is told, and no library that is everybody's."""
    found = loaded_libraries()

    assert not any("/" in text for pair in found.items() for text in pair)
    assert "libc" not in found

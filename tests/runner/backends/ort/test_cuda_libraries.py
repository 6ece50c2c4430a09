"""Where CUDA, cuDNN and TensorRT are taken from; none of them is needed here."""

import sys
from pathlib import Path

import onnxruntime
import pytest

from simx.runner.backends.ort import cuda_libraries
from simx.runner.backends.ort.cuda_libraries import cuda_folder, preload, preload_tensorrt


@pytest.fixture(name="site")
def _site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only place that packages are looked for in."""
    monkeypatch.setattr(
        cuda_libraries,
        "package_folders",
        lambda name: (tmp_path / name,) if (tmp_path / name).exists() else (),
    )
    return tmp_path


def wheel(site: Path, *libraries: str) -> None:
    for library in libraries:
        path = site / "nvidia" / "cu13" / "lib" / library
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def torch_for(site: Path, cuda: str | None, *libraries: str) -> None:
    (site / "torch" / "lib").mkdir(parents=True)
    text = f"__version__ = '2.14.1'\ncuda: Optional[str] = {cuda!r}\nhip: Optional[str] = None\n"
    (site / "torch" / "version.py").write_text(text, encoding="utf-8")
    for library in libraries:
        (site / "torch" / "lib" / library).touch()


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere ORT looks there")


@linux
def test_torch_s_own_are_taken_where_they_match(site: Path) -> None:
    """The same major version of CUDA, and the library is really there; torch is not imported."""
    torch_for(site, "13.0", "libcublas.so.13")

    assert cuda_folder("13.2") == str(site / "torch" / "lib")


@linux
@pytest.mark.parametrize(
    ("cuda", "libraries"),
    [("12.8", ["libcublas.so.12"]), ("13.0", []), (None, ["libcublas.so.13"])],
    ids=["another major", "not there", "no CUDA"],
)
def test_torch_s_own_are_left_where_they_do_not(
    site: Path, cuda: str | None, libraries: list[str]
) -> None:
    """Then ONNX Runtime's own order holds."""
    torch_for(site, cuda, *libraries)

    assert cuda_folder("13.0") is None


@linux
def test_the_wheels_go_first(site: Path) -> None:
    """ONNX Runtime finds those by itself, cuDNN with them."""
    torch_for(site, "13.0", "libcublas.so.13")
    wheel(site, "libcublas.so.13")

    assert cuda_folder("13.0") is None


def test_nothing_is_there_to_take(site: Path) -> None:
    """Neither torch nor a wheel."""
    assert site.exists()
    assert cuda_folder("13.0") is None


def test_torch_without_a_version_is_none(site: Path) -> None:
    """A folder of that name is not torch."""
    (site / "torch").mkdir()

    assert cuda_folder("13.0") is None


def asked(monkeypatch: pytest.MonkeyPatch, version: str) -> list[str | None]:
    calls: list[str | None] = []

    def preload_dlls(*, directory: str | None) -> None:
        calls.append(directory)
        raise RuntimeError(f"Invalid parameter of directory={directory}")

    monkeypatch.setattr(onnxruntime, "cuda_version", version)
    monkeypatch.setattr(onnxruntime, "preload_dlls", preload_dlls)
    return calls


@pytest.mark.parametrize(
    ("provider", "version", "calls"),
    [
        ("CUDAExecutionProvider", "13.0", 1),
        ("TensorrtExecutionProvider", "13.0", 1),
        ("CPUExecutionProvider", "13.0", 0),
        ("CUDAExecutionProvider", "", 0),
    ],
)
def test_only_what_needs_them_loads_them(
    monkeypatch: pytest.MonkeyPatch, provider: str, version: str, calls: int
) -> None:
    """And whatever goes wrong is for the session to say."""
    seen = asked(monkeypatch, version)
    preload(provider)

    assert len(seen) == calls


def test_tensorrt_s_wheel_is_loaded_in_its_order(tmp_path: Path) -> None:
    """The parser needs the others; what does not load is left to the session to name."""
    for name in ("libnvonnxparser.so.10", "libnvinfer_plugin.so.10", "libnvinfer.so.10", "x.so"):
        (tmp_path / name).touch()
    loaded: list[str] = []

    def load(path: str) -> None:
        loaded.append(Path(path).name)
        raise OSError("no library")

    preload_tensorrt([tmp_path], load)

    assert loaded == ["libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10"]

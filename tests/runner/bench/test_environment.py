"""What a report says of the machine, and what it must not say."""

import getpass
import mmap
import os
import socket
import threading
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from simx.runner.bench.environment import describe_environment
from simx.runner.measure.noise import NoiseMeter


def test_the_machine_is_described() -> None:
    """Processor, cores, memory and the libraries that times depend on are there."""
    environment = describe_environment()

    assert environment.cpu
    assert 1 <= environment.affinity_cores <= environment.logical_cores
    assert environment.memory_bytes > 2**28
    assert environment.libraries["torch"][0].isdigit()
    assert environment.libraries["onnxruntime"][0].isdigit()


@pytest.mark.parametrize(
    ("backbones", "has_timm"),
    [(("resnet18",), False), (("resnet18", "timm:resnet50.a1_in1k"), True)],
)
def test_timm_is_a_part_of_the_software_where_its_backbones_are(
    backbones: tuple[str, ...], *, has_timm: bool
) -> None:
    """With the version that is installed."""
    installed = version("timm")
    libraries = describe_environment(backbones=backbones).libraries

    assert libraries.get("timm") == (installed if has_timm else None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0123456789abcdef" * 2 + "01234567", "0123456789abcdef" * 2 + "01234567"), ("a b", None)],
)
def test_the_commit_is_what_a_pipeline_says(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str | None
) -> None:
    """A commit's hash is taken, and no other text."""
    for name in ("CI_COMMIT_SHA", "GIT_COMMIT", "BUILD_SOURCEVERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_SHA", value)

    assert describe_environment().commit == expected


def test_no_user_host_or_folder_is_named() -> None:
    """No user, host or home folder is in it."""
    text = msgspec.json.encode(describe_environment()).decode()
    secrets = {socket.gethostname(), str(Path.home()), os.environ.get("USER", "")} - {""}
    words = set(text.replace('"', " ").replace(",", " ").split())

    assert not secrets & words
    assert str(Path.home()) + "/" not in text
    assert f'"{getpass.getuser()}"' not in text


def test_noise_is_counted_while_it_is_metered() -> None:
    """A meter's figures are never negative, and are there on Linux."""
    meter = NoiseMeter()
    sum(range(100_000))
    noise = meter.read()

    assert noise.involuntary_switches is not None
    assert noise.involuntary_switches >= 0
    assert noise.others_cpu_ns is None or noise.others_cpu_ns >= 0
    assert noise.steal_ns is None or noise.steal_ns >= 0


def test_page_faults_of_all_threads_are_counted() -> None:
    """Runtimes compute in threads of their own, which may have ended when a block does."""
    pages = 500

    def touch() -> None:
        with mmap.mmap(-1, pages * mmap.PAGESIZE) as memory:
            memory.madvise(mmap.MADV_NOHUGEPAGE)
            memory[:: mmap.PAGESIZE] = b"x" * pages

    meter = NoiseMeter()
    thread = threading.Thread(target=touch)
    thread.start()
    thread.join()
    found = meter.read().page_faults

    assert found is not None
    assert pages <= found < 2 * pages

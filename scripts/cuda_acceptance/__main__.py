"""Runs everything about GPUs for real, and prints a verdict for each: ``make cuda-acceptance``.

python -m scripts.cuda_acceptance --store .simx/store --folder .simx/cuda-acceptance
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.cuda_acceptance import gpu
from scripts.cuda_acceptance.checks import CHECKS, check_variants
from scripts.cuda_acceptance.runs import (
    VARIANTS,
    bench,
    check_doctor,
    check_fallback,
    check_tensorrt,
    check_unsynchronised,
)
from scripts.cuda_acceptance.verdict import Verdict, is_passed

BACKENDS = ("torch", "ort")


def main() -> int:
    """Print every verdict as soon as it is there; end with 1 where one is a failure."""
    parser = argparse.ArgumentParser(description="Everything about GPUs, for real.")
    parser.add_argument("--store", type=Path, required=True, help="exports; filled where it lacks")
    parser.add_argument("--folder", type=Path, required=True, help="where the reports go")
    options = parser.parse_args()
    if gpu.main():
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    verdicts: list[Verdict] = []
    for verdict in _verdicts(options.store, options.folder):
        print(verdict.line, flush=True)
        verdicts.append(verdict)
    passed = is_passed(verdicts)
    failed = sum(verdict.outcome == "FAIL" for verdict in verdicts)
    print(f"{'PASS' if passed else 'FAIL'}  in all: {failed} of {len(verdicts)} failed")
    return int(not passed)


def _verdicts(store: Path, folder: Path) -> Iterator[Verdict]:
    """Yield every verdict; one that cannot be come to is a failure, and the rest goes on."""
    yield from _guarded("doctor", lambda: [check_doctor()])
    yield from _guarded("both backends on both providers", lambda: _measured(store, folder))
    yield from _guarded("variants", lambda: [_variants(store, folder)])
    for backend in BACKENDS:
        yield from _of_backend(backend, store)
    yield from _guarded("TensorRT", lambda: [check_tensorrt(folder, store)])


def _of_backend(backend: str, store: Path) -> Iterator[Verdict]:
    yield from _guarded("fallback", lambda: [check_fallback(backend, store)])
    yield from _guarded("synchronise", lambda: [check_unsynchronised(backend, store)])


def _measured(store: Path, folder: Path) -> list[Verdict]:
    report = bench(folder, store, BACKENDS, ("cuda", "cpu"))
    return [check(report) for check in CHECKS]


def _variants(store: Path, folder: Path) -> Verdict:
    wanted = [f"{backend}:{variant}" for backend in BACKENDS for variant in VARIANTS]
    return check_variants(bench(folder, store, (*BACKENDS, *wanted), ("cuda",)), wanted)


def _guarded(name: str, come_to: Callable[[], list[Verdict]]) -> Iterator[Verdict]:
    try:
        yield from come_to()
    # Whatever went wrong is this line's, and the others are to be seen, too.
    except Exception as error:  # noqa: BLE001
        yield Verdict("FAIL", name, f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main())

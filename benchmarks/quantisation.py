"""What int8 costs in accuracy and gains in time, on pictures that calibration has not seen.

scikit-image's pictures (pip install scikit-image) and parts of them are put into two folders: int8
is calibrated on one, by ``simx export --calibrate``, and judged on the other. The first table has a
row for each network. The second one, of MobileNetV2's trained weights, shows each choice alone and
together. A ratio is that of the latencies, fp32 to int8, from calls that take turns in one process;
its interval is Student's, over rounds of ten calls.

    python benchmarks/quantisation.py [--store DIR] [--rounds N] [--default] [--choices] [MODEL...]
"""

import argparse
import contextlib
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import numpy as np
import onnxruntime
import scipy.stats
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from simx.exporter.jobs import quantisation
from simx.exporter.store.manifest import INPUT_NAME, read_manifest
from simx.exporter.verification.outputs import session_options
from simx.images.decoding import decode
from simx.images.normalisation import normalise
from simx.images.pictures import pictures_in
from simx.images.preprocessing import crop
from simx.models.backbone import Preset
from simx.results.statistics.vector_math import cosine, relative_l2

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

CALIBRATED = (
    *("chelsea.png", "coffee.png", "camera.png", "brick.png", "clock_motion.png", "coins.png"),
    *("hubble_deep_field.jpg", "ihc.png", "page.png", "rocket.jpg"),
)
JUDGED = (
    *("astronaut.png", "cell.png", "color.png", "grass.png", "gravel.png", "horse.png"),
    *("logo.png", "moon.png", "motorcycle_left.png", "retina.jpg", "text.png"),
)
WEIGHTS = Path(__file__).parents[1] / "tests/data"
TRAINED = {
    "mobilenet_v2": WEIGHTS / "mobilenet_v2_headless.safetensors",
    "squeezenet1_1": WEIGHTS / "squeezenet1_1.safetensors",
}
NETWORKS = (*TRAINED, *Path(__file__).with_name("families.txt").read_text().split())
CALLS = 10


class Record(msgspec.Struct, frozen=True):
    """Of ``simx export --format json``, what is used here."""

    path: str | None
    reason: str | None
    seconds: float | None


def scikit_image() -> Path:
    """Return the folder of the pictures that come with scikit-image, without importing it."""
    package = importlib.util.find_spec("skimage")
    if package is None or package.origin is None:
        sys.exit("scikit-image is missing: pip install scikit-image")
    return Path(package.origin).with_name("data")


def parts(names: Sequence[str], folder: Path) -> Path:
    """Write pictures and four parts of each, 60 % wide and high, into a new folder."""
    folder.mkdir()
    for name in names:
        image = decode(scikit_image() / name)
        width, height = (round(0.6 * side) for side in image.size)
        image.save(folder / f"{name}-whole.png")
        for left in (0, image.width - width):
            for top in (0, image.height - height):
                part = image.crop((left, top, left + width, top + height))
                part.save(folder / f"{name}-{left}-{top}.png")
    return folder


def inputs_of(folder: Path, preset: Preset) -> Array:
    """Return the pictures of a folder as a network sees them, float32 [N, 3, crop, crop]."""
    pixels = [crop(decode(path), preset) for path in pictures_in(folder.iterdir())[0]]
    return normalise(np.stack(pixels), preset)


def opened(path: Path) -> onnxruntime.InferenceSession:
    """Return a session of two threads that do not spin."""
    return onnxruntime.InferenceSession(path, session_options(2))


def embedded(session: onnxruntime.InferenceSession, inputs: Array) -> Array:
    """Return the embeddings of pictures, [N, D]."""
    return np.concatenate([session.run(None, {INPUT_NAME: each[None]})[0] for each in inputs])


def nearest(embeddings: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Return the places of the five nearest neighbours of each, [N, 5]."""
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarities = units @ units.T
    np.fill_diagonal(similarities, -2)
    return np.argsort(-similarities, axis=1)[:, :5]


def accuracy(found: Array, expected: Array) -> Iterator[str]:
    """Yield mean and worst cosine, mean and worst error, and the share of neighbours kept."""
    pairs = list(zip(found, expected, strict=True))
    cosines = [cosine(*pair) or 0.0 for pair in pairs]
    errors = [relative_l2(*pair) or 0.0 for pair in pairs]
    kept = [
        len(np.intersect1d(one, other)) / 5
        for one, other in zip(nearest(found), nearest(expected), strict=True)
    ]
    yield f"{np.mean(cosines):.4f}"
    yield f"{min(cosines):.4f}"
    yield f"{np.mean(errors):.3f}"
    yield f"{max(errors):.3f}"
    yield f"{100 * np.mean(kept):.1f} %"


def ratio(sessions: Sequence[onnxruntime.InferenceSession], inputs: Array, rounds: int) -> str:
    """Return how many times faster the second session is, with a 95 % interval."""
    if not rounds:
        return "-"
    logs = []
    for turn in range(rounds + 1):
        seconds = {}
        for session in sessions if turn % 2 else reversed(sessions):
            begun = time.perf_counter()
            for place in range(CALLS):
                session.run(None, {INPUT_NAME: inputs[place][None]})
            seconds[session] = time.perf_counter() - begun
        logs.append(np.log(seconds[sessions[0]] / seconds[sessions[1]]))
    logs = logs[1:]  # the first round warms up
    half = scipy.stats.t.ppf(0.975, rounds - 1) * np.std(logs, ddof=1) / np.sqrt(rounds)
    low, middle, high = np.exp(np.mean(logs) + half * np.array([-1, 0, 1]))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def exported(name: str, precision: str, store: Path, calibrate: Path | None) -> Record:
    """Export a network with its trained weights, or random ones."""
    weights = str(TRAINED.get(name, "random"))
    command = [sys.executable, "-m", "simx", "export", name, "--weights", weights]
    if calibrate and precision == "int8":
        command += ["--calibrate", str(calibrate)]
    ran = subprocess.run(
        [*command, "--precision", precision, "--store", str(store), "--format", "json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    return msgspec.json.decode(ran.stdout, type=list[Record])[0]


def network_row(
    name: str, store: Path, calibrate: Path | None, judged: Path, rounds: int
) -> Iterator[str]:
    """Yield the cells of a network's row."""
    full, reduced = (exported(name, each, store, calibrate) for each in ("fp32", "int8"))
    yield f"{name}{', **trained**' if name in TRAINED else ''}"
    if full.path is None or reduced.path is None:
        yield full.reason or reduced.reason or "-"
        return
    manifest = read_manifest(Path(reduced.path).with_name("manifest.json"))
    inputs = inputs_of(judged, manifest.preset)
    sessions = [opened(Path(path)) for path in (full.path, reduced.path)]
    yield from accuracy(*(embedded(each, inputs) for each in reversed(sessions)))
    found = manifest.quantised
    yield str(len((*(found.beginning or ()), *found.in_float))) if found else "-"
    yield f"{manifest.seconds:.0f}"
    yield ratio(sessions, inputs, rounds)


class Reader(CalibrationDataReader):  # type: ignore[misc]  # which has no types
    """Hands one picture to the tool."""

    def __init__(self, image: Array) -> None:
        self._images = [image]

    def get_next(self) -> dict[str, Array] | None:
        """Return the picture by its name, then None."""
        return {INPUT_NAME: self._images.pop()} if self._images else None


class Choices:
    """MobileNetV2's trained weights, quantised in several ways."""

    def __init__(self, store: Path, calibrate: Path, judged: Path, folder: Path) -> None:
        full = exported("mobilenet_v2", "fp32", store, None)
        if full.path is None:
            sys.exit(f"mobilenet_v2: {full.reason}")
        preset = read_manifest(Path(full.path).with_name("manifest.json")).preset
        self._inputs = list(inputs_of(calibrate, preset)[:, None])
        self._judged = inputs_of(judged, preset)
        self._full = opened(Path(full.path))
        self._prepared = folder / "prepared.onnx"
        quantisation.prepare(Path(full.path), self._prepared, is_large=False)
        self._quantiser = quantisation.Quantiser(self._prepared, self._inputs, 2, is_large=False)
        self._corrected = self._quantiser.corrected
        self._beginning = self._quantiser.beginning
        self._averaged = self._quantiser.ranges

    def row(self, rounds: int, choices: Sequence[str]) -> Iterator[str]:
        """Yield the accuracy and the speed of a graph made by these choices."""
        changes = {key: of for each in choices for key, of in OF_TOOL.get(each, {}).items()}
        changed = lambda model, **given: QDQQuantizer(model, **given | changes)  # noqa: E731
        quantiser, path = self._quantiser, self._prepared.with_name("chosen.onnx")
        quantiser.ranges = self._averaged if AVERAGED in choices else self._ranges(choices)
        quantiser.corrected = self._corrected if CORRECTED in choices else {}
        quantiser.beginning = self._beginning if IN_FLOAT in choices else []
        with mock.patch.object(quantisation, "QDQQuantizer", changed):
            quantiser.write(path, ())
        session = opened(path)
        yield " + ".join(choices) or "weights of 7 bits, smallest and largest values"
        yield from accuracy(embedded(session, self._judged), embedded(self._full, self._judged))
        yield ratio((self._full, session), self._judged, rounds)

    def _ranges(self, choices: Sequence[str]) -> TensorsData:
        method, given = next((OF_RANGES[each] for each in choices if each in OF_RANGES), EXTREMES)
        calibrator = create_calibrator(
            self._prepared,
            None,  # all tensors
            str(self._prepared.with_name("ranges.onnx")),
            method,
            extra_options={"symmetric": False, **given},
        )
        with contextlib.redirect_stdout(sys.stderr):  # the tool prints its progress
            for each in self._inputs:
                calibrator.collect_data(Reader(each))
            return calibrator.compute_data()


AVERAGED, CORRECTED, IN_FLOAT = "averaged ranges", "biases corrected", "first nodes in float"
EXTREMES: tuple[CalibrationMethod, Mapping[str, Any]] = (CalibrationMethod.MinMax, {})
OF_RANGES: Mapping[str, tuple[CalibrationMethod, Mapping[str, Any]]] = {
    "99.99 percentiles": (CalibrationMethod.Percentile, {"percentile": 99.99}),
    "99.999 percentiles": (CalibrationMethod.Percentile, {"percentile": 99.999}),
    "ranges by entropy": (CalibrationMethod.Entropy, {}),
}
OF_TOOL: Mapping[str, Mapping[str, Any]] = {
    "signed weights of 8 bits": {"reduce_range": False},
    "unsigned weights of 8 bits": {"reduce_range": False, "weight_qType": QuantType.QUInt8},
    "weights per tensor": {"per_channel": False},
}
TOGETHER = (
    (IN_FLOAT, AVERAGED),
    (IN_FLOAT, "99.99 percentiles"),
    (IN_FLOAT, "unsigned weights of 8 bits", AVERAGED),
    (IN_FLOAT, CORRECTED),
    (IN_FLOAT, CORRECTED, "99.999 percentiles"),
    (IN_FLOAT, CORRECTED, AVERAGED),
)
ALONE = (*OF_TOOL, *OF_RANGES, AVERAGED, CORRECTED, IN_FLOAT)
ACCURACY = ("cosine", "worst", "L2 error", "worst", "neighbours kept")


def print_table(head: Sequence[str], rows: Sequence[Callable[[], Iterator[str]]]) -> None:
    """Print a Markdown table as its rows come."""
    print(f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|", sep="\n")
    for row in rows:
        print(f"| {' | '.join(row())} |", flush=True)


def main(arguments: argparse.Namespace, folder: Path) -> None:
    """Print a table of networks, or that of the choices."""
    calibrated, judged = parts(CALIBRATED, folder / "calibrated"), parts(JUDGED, folder / "judged")
    store, rounds = arguments.store or folder / "store", arguments.rounds
    if arguments.choices:
        choices = Choices(store, calibrated, judged, folder)
        rows = [(), *((each,) for each in ALONE), *TOGETHER]
        made = [lambda each=each: choices.row(rounds, each) for each in rows]
        print_table(("choice", *ACCURACY, "fp32 to int8"), made)
        return
    calibrate = None if arguments.default else calibrated
    made = [
        lambda name=name: network_row(name, store, calibrate, judged, rounds)
        for name in arguments.models
    ]
    print_table(("network", *ACCURACY, "nodes in float", "s", "fp32 to int8"), made)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=NETWORKS)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--rounds", type=int, default=20, help="0: measure no time")
    parser.add_argument("--default", action="store_true", help="calibrate on bundled pictures")
    parser.add_argument("--choices", action="store_true", help="the table of the choices")
    with tempfile.TemporaryDirectory() as temporary:
        main(parser.parse_args(), Path(temporary))

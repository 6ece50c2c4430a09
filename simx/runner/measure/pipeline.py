"""From file to embedding, with the time of each stage, for the scopes named ``pipeline``.

The last bits of the preprocessing's mean and standard deviation differ between the entries, so that
each one gives the network other bytes.
"""

import secrets
from pathlib import Path

import msgspec
import numpy as np

from simx.images.decoding import decode
from simx.images.preprocessing import preprocess
from simx.models.backbone import Preset
from simx.results.schema.times import Scope
from simx.runner.backends.contract import Backend
from simx.runner.measure.sampling import Sampler
from simx.runner.measure.timing import CLOCK

_LAST_BITS = 1
"""Largest change of a mean or standard deviation, in steps of float32 in either direction."""

_CHANCE = secrets.SystemRandom()


class Pipeline:
    """All stages for one file, with a running sum of each stage's time.

    The file ``decoy`` is embedded before the first timed call, so that a cached answer is wrong;
    None for no such call.
    """

    def __init__(self, backend: Backend, preset: Preset, picture: Path, decoy: Path | None) -> None:
        self.sampler = Sampler(np.asarray)
        self.stages: dict[Scope, list[int]] = {
            "pipeline.decode": [],
            "pipeline.preprocess": [],
            "pipeline.forward": [],
        }
        self._backend = backend
        self._usual = self._preset = preset
        self._picture = picture
        self._decoy = decoy
        self._sums = [0, 0, 0]

    def __call__(self) -> None:
        """Make one call."""
        backend = self._backend
        begun = CLOCK()
        picture = decode(self._picture)
        decoded = CLOCK()
        array = preprocess(picture, self._preset)
        preprocessed = CLOCK()
        self.sampler.answers.append(backend.fetch(backend.forward(backend.place(array))))
        done = CLOCK()
        self._sums[0] += decoded - begun
        self._sums[1] += preprocessed - decoded
        self._sums[2] += done - preprocessed

    def start(self) -> None:
        """Drop the uncounted calls, and embed the decoy."""
        if self._decoy is not None:
            timed, self._picture = self._picture, self._decoy
            self()
            self._picture = timed
        self.sampler.start()
        self._sums = [0, 0, 0]
        self._preset = _nudged(self._usual)

    def keep_entry(self) -> None:
        """Record the stage times of the entry that just ended, and sample its results."""
        for ns, total in zip(self.stages.values(), self._sums, strict=True):
            ns.append(total)
        self._sums = [0, 0, 0]
        self.sampler.look()
        self._preset = _nudged(self._usual)


def _nudged(preset: Preset) -> Preset:
    def moved(value: float) -> float:
        steps = _CHANCE.randint(-_LAST_BITS, _LAST_BITS)
        return value + steps * float(np.spacing(np.float32(value)))

    mean, std = (tuple(map(moved, values)) for values in (preset.mean, preset.std))
    return msgspec.structs.replace(preset, mean=mean, std=std)

"""The verification input of an export and torch's answers, kept beside the model.

They let an environment without torch verify its embeddings. Needs neither torch nor onnxruntime.
"""

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from simx.common.errors import InputError
from simx.common.input_files import InputKind
from simx.common.safe_text import clean
from simx.exporter.store.entry import DamagedEntryError, opened_as_recorded
from simx.exporter.store.manifest import FileRecord
from simx.exporter.store.tensors import arrays_of, write_arrays
from simx.images.normalisation import normalise
from simx.models.backbone import Preset

_PIXELS_NDIM, _EMBEDDINGS_NDIM = 4, 2

REFERENCE = InputKind(
    label="verification reference ", mend="export the backbone again", most_bytes=2**28
)


class Reference(msgspec.Struct, frozen=True):
    """Pictures as cropped pixels, uint8 [N, H, W, 3], and their embeddings, float32 [N, D]."""

    pixels: npt.NDArray[np.uint8]
    embeddings: npt.NDArray[np.float32]

    def inputs(self, preset: Preset) -> npt.NDArray[np.float32]:
        """Return the network's input, float32 [N, 3, H, W]."""
        return normalise(self.pixels, preset)

    def save(self, path: Path) -> None:
        """Write the reference.

        Raises:
            OSError: the system refused.
        """
        write_arrays(msgspec.structs.asdict(self), path)


def load_reference(path: Path, expected: FileRecord) -> Reference:
    """Read what ``Reference.save`` wrote, if it is still what its manifest says.

    Raises:
        InputError: the file cannot be read, has changed, or is no such thing.
    """
    if expected.bytes > REFERENCE.most_bytes:
        allowed = f"more than the {REFERENCE.most_bytes:,} allowed"
        raise REFERENCE.refused(path, f"has {expected.bytes:,} bytes, {allowed}")
    try:
        with opened_as_recorded(path, expected) as file:
            arrays = arrays_of(np.frombuffer(file.read(), np.uint8))
        reference = Reference(arrays["pixels"], arrays["embeddings"])
    except DamagedEntryError as error:
        raise InputError(f"{REFERENCE.label}{error}; {REFERENCE.mend}") from error
    except (KeyError, ValueError) as error:
        problem = clean(f"is no verification reference ({error})")
        raise REFERENCE.refused(path, problem) from error
    if problem := _problem(reference):
        raise REFERENCE.refused(path, f"is no verification reference ({problem})")
    return reference


def _problem(reference: Reference) -> str:
    pixels, embeddings = reference.pixels, reference.embeddings
    if pixels.dtype != np.uint8 or pixels.ndim != _PIXELS_NDIM or pixels.shape[3:] != (3,):
        return f"its pixels are {pixels.dtype} {list(pixels.shape)}, not uint8 [N, H, W, 3]"
    if embeddings.dtype != np.float32 or embeddings.ndim != _EMBEDDINGS_NDIM:
        return f"its embeddings are {embeddings.dtype} {list(embeddings.shape)}, not float32 [N, D]"
    if len(pixels) != len(embeddings) or not pixels.size or not embeddings.size:
        return f"it has {len(pixels)} pictures and {len(embeddings)} embeddings"
    return "" if np.isfinite(embeddings).all() else "its embeddings are not all finite"

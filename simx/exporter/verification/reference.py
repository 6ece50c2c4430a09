"""The verification input of an export and torch's answers, kept beside the model.

They let an environment without torch verify its embeddings. Needs neither torch nor onnxruntime.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from simx.common.errors import InputError
from simx.common.input_files import InputKind
from simx.common.safe_text import clean
from simx.exporter.store.manifest import FileRecord
from simx.exporter.store.stored_files import DamagedEntryError, opened_as_recorded
from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import crop, normalise
from simx.models.backbone import Backbone, Preset
from simx.results.statistics.vector_math import margin, similarities

_SLOW_GFLOPS = 100.0
"""From here on a forward pass takes seconds per picture on a CPU."""

_DTYPES: dict[str, type[np.generic]] = {
    "U8": np.uint8,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I64": np.int64,
}

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
        """Write the reference as safetensors.

        Raises:
            OSError: the system refused.
        """
        # Only an export writes it: a worker's environment need not have the library.
        from safetensors.numpy import save  # noqa: PLC0415

        path.write_bytes(save(msgspec.structs.asdict(self)))


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
            tensors = _tensors(file.read())
        reference = Reference(tensors["pixels"], tensors["embeddings"])
    except DamagedEntryError as error:
        raise InputError(f"{REFERENCE.label}{error}; {REFERENCE.mend}") from error
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        problem = clean(f"is no verification reference ({error})")
        raise REFERENCE.refused(path, problem) from error
    if problem := _problem(reference):
        raise REFERENCE.refused(path, f"is no verification reference ({problem})")
    return reference


def _tensors(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Read safetensors: the header's length as 8 bytes, the header as JSON, and raw numbers.

    Source: https://github.com/huggingface/safetensors, section "Format".
    """
    begin = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, Any] = msgspec.json.decode(data[8:begin])
    return {
        name: np.frombuffer(data[begin:][slice(*of["data_offsets"])], _DTYPES[of["dtype"]]).reshape(
            of["shape"]
        )
        for name, of in header.items()
        if name != "__metadata__"
    }


def _problem(reference: Reference) -> str:
    pixels, embeddings = reference.pixels, reference.embeddings
    if pixels.dtype != np.uint8 or pixels.ndim != _PIXELS_NDIM or pixels.shape[3:] != (3,):
        return f"its pixels are {pixels.dtype} {list(pixels.shape)}, not uint8 [N, H, W, 3]"
    if embeddings.dtype != np.float32 or embeddings.ndim != _EMBEDDINGS_NDIM:
        return f"its embeddings are {embeddings.dtype} {list(embeddings.shape)}, not float32 [N, D]"
    if len(pixels) != len(embeddings) or not pixels.size or not embeddings.size:
        return f"it has {len(pixels)} pictures and {len(embeddings)} embeddings"
    return "" if np.isfinite(embeddings).all() else "its embeddings are not all finite"


def is_slow_to_verify(backbone: Backbone) -> bool:
    """Whether a forward pass takes so long on a CPU that fewer pictures are verified."""
    return backbone.gflops >= _SLOW_GFLOPS


def verification_pixels(backbone: Backbone) -> npt.NDArray[np.uint8]:
    """Return the verification pictures as this backbone sees them, uint8 [N, crop, crop, 3]."""
    paths = verification_pictures(backbone)
    return np.stack([crop(decode(path), backbone.preset) for path in paths])


def verification_pictures(backbone: Backbone) -> tuple[Path, ...]:
    """Return the files of a backbone's verification pictures: four, for giants two."""
    pictures = bundled()
    if is_slow_to_verify(backbone):
        return pictures.anchor, pictures.negative
    return tuple(path for _, path in pictures.files())


def margin_of(embeddings: npt.NDArray[np.float32]) -> float | None:
    """Return the margin of the bundled pictures, in percentage points; None for a giant's two.

    Args:
        embeddings: of ``verification_pixels``, [N, D], in their order.
    """
    return margin(similarities(embeddings)) if len(embeddings) == len(bundled().files()) else None


def verification_batches(count: int) -> tuple[int, ...]:
    """Return the batch sizes to verify with ``count`` pictures: the smallest and the largest."""
    return (1, count) if count > 2 else (count,)  # noqa: PLR2004 - a giant's two, run once

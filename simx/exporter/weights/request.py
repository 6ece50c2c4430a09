"""The value of ``--weights``. Touches no files and never imports torch."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from simx.common.errors import InputError
from simx.common.input_files import InputKind

RequestKind = Literal["auto", "pretrained", "random", "file"]

CHOICES = "auto, pretrained, random or the path of a weights file"

WEIGHTS = InputKind(label="weights file ", mend=f"give {CHOICES}", most_bytes=2**34)
"""16 GiB: six times torchvision's largest checkpoint."""


@dataclass(frozen=True, slots=True)
class WeightsRequest:
    """Which weights are wanted, for any number of backbones, or for one if it names a file.

    ``auto`` takes pretrained weights that are already here and otherwise random ones,
    ``pretrained`` may download, ``file`` uses ``path`` (which is None for every other kind).
    """

    kind: RequestKind
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the option's text; anything that is no keyword is the path of a file.

        A file with the name of a keyword is given as ``./auto``.

        Raises:
            InputError: the text is empty.
        """
        match text:
            case "auto" | "pretrained" | "random":
                return cls(kind=text)
            case _ if not text.strip():
                raise InputError(f"--weights is empty; give {CHOICES}")
        # Unlike Path.expanduser, this leaves an unknown ~user alone.
        return cls(kind="file", path=Path(os.path.expanduser(text)))  # noqa: PTH111 - see above

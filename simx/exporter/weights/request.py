"""The value of ``--weights``. Touches no files and never imports torch."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from simx.common.errors import InputError
from simx.common.input_files import InputKind
from simx.models.backbone import Backbone

RequestKind = Literal["auto", "pretrained", "random", "file"]

CHOICES = "auto, pretrained, random or the path of a weights file"

WEIGHTS = InputKind(label="weights file ", mend=f"give {CHOICES}", most_bytes=2**34)
"""16 GiB: six times torchvision's largest checkpoint."""


@dataclass(frozen=True, slots=True)
class WeightsRequest:
    """Which weights are wanted; those of a file are for one backbone.

    ``auto`` takes pretrained weights from torch's cache and otherwise random ones, ``pretrained``
    may download, ``file`` uses ``path``, which is None for all other kinds. ``key`` names one of
    several networks in the file.
    """

    kind: RequestKind
    path: Path | None = None
    key: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the option's text: a keyword, or the path of a file (one named auto: ``./auto``).

        Raises:
            InputError: the text is empty.
        """
        match text:
            case "auto" | "pretrained" | "random":
                return cls(kind=text)
            case _ if not text.strip():
                raise InputError(f"--weights is empty; give {CHOICES}")
        # Unlike Path.expanduser, this leaves an unknown ~user alone.
        return cls("file", Path(os.path.expanduser(text)))  # noqa: PTH111 - see above

    def of(self, backbone: Backbone) -> "WeightsRequest":
        """Return the request for one backbone: for a model of the user's own, its file."""
        if backbone.file is None:
            return self
        return WeightsRequest("file", Path(backbone.file.path))

    def with_key(self, key: str | None) -> Self:
        """Return it with the key of a network in the file.

        Raises:
            InputError: there is a key and no file.
        """
        if key is not None and self.kind != "file":
            raise InputError(f"--weights-key works only with --weights FILE, not {self.kind}")
        return replace(self, key=key)

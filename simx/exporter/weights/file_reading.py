"""How a weights file was read: a record for manifests, and one line for the user."""

from collections.abc import Sequence

import msgspec

from simx.common.bounded import Count, Text
from simx.common.safe_text import counted

_EXAMPLES = 3


class Entries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number of entries or tensors, with the names of the first few."""

    count: Count = 0
    examples: tuple[Text, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str]) -> "Entries":
        """Count names."""
        return cls(len(names), tuple(names[:_EXAMPLES]))

    def listed(self) -> str:
        """Return the examples, with dots where there are more."""
        dots = ["..."] if self.count > len(self.examples) else []
        return ", ".join([*self.examples, *dots])

    def text(self, noun: str, clause: str = "") -> str:
        """Return for example ``4 names that are new (a, b, c, ...)``."""
        return f"{counted(self.count, noun)}{clause} ({self.listed()})"


class FileReading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was chosen, translated, ignored and left out when a weights file was read.

    ``container`` are the keys of the mapping that was read, joined by dots, ``prefix`` is what was
    stripped from its names, and ``others`` are further networks of the file that also fit the
    backbone, as ``--weights-key`` takes them. ``translated`` are names of an older layout, or of a
    wrapper around a part of the network. ``ignored`` are the other entries of the container.
    ``unused`` are tensors of the backbone that the embedding does not use (classifier, counters)
    and that the file lacks or has in another shape; they are zeros in the state dict.
    ``denormal`` are weights with values between zero and float32's smallest normal number, 1.2e-38.
    """

    container: Text = ""
    prefix: Text = ""
    others: Entries = Entries()
    translated: Entries = Entries()
    ignored: Entries = Entries()
    unused: Entries = Entries()
    denormal: Entries = Entries()

    def text(self) -> str:
        """Return all of it in one line; empty if the file was read as it is."""
        parts = (
            (self.container, f"uses {self.container!r}"),
            (self.others.count, f"{self.others.listed()} would also fit (see --weights-key)"),
            (self.prefix, f"strips {self.prefix!r} from the names"),
            (self.translated.count, f"translates {self.translated.text('name')}"),
            (self.ignored.count, f"ignores {self.ignored.text('other name')}"),
            (
                self.unused.count,
                f"leaves out {self.unused.text('tensor', ' that the embedding does not use')}",
            ),
            (
                self.denormal.count,
                f"has {self.denormal.text('tensor', ' with denormal numbers, which can be slow')}",
            ),
        )
        return "; ".join(text for is_so, text in parts if is_so)

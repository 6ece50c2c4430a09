"""Which tensors of a file are a backbone's: by names and shapes alone, whatever is around them.

A file can be nested mappings, hold other networks beside the wanted one, and have prefixes before
its names. Reads no files.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import torch

from simx.exporter.network import architecture
from simx.exporter.network.heads import remove_head
from simx.exporter.weights.file_reading import Entries, FileReading
from simx.models.backbone import Backbone, EmbeddingKind

Keys = tuple[object, ...]

_OTHER_NAMES = (
    # Wrappers of modules inside a network; ``.module.`` is DataParallel's.
    (
        re.compile(r"(?<=\.)(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."),
        "",
    ),
    # densenet's checkpoints were saved when module names could hold dots.
    (re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    # ViT's feed-forward block named its layers before it became a sequence with GELU in between.
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)

_COUNTER = ".num_batches_tracked"
"""Of a batch norm, since torch 0.4.1; no embedding depends on it."""

_AVERAGED = re.compile(r"(?:^|[._])(?:ema|swa|averaged?)(?:[._]|$)")
"""A copy of a network with averaged weights, by its usual names."""

_USUAL_NAMES = ("", "state_dict", "model")
"""Where training scripts keep the network itself, the first of them first."""

_LENGTH_AT_MOST = 120
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Needs:
    """The tensors of a backbone.

    ``expected`` is its state dict on the meta device; ``required`` has the names of the tensors
    that the embedding is computed from, in the same order.
    """

    expected: Mapping[str, torch.Tensor]
    required: Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Container:
    """A mapping of names to tensors in a file, possibly with other values among them.

    ``names`` maps the names that torchvision has today to those of the tensors in ``entries``.
    """

    keys: Keys
    entries: Mapping[object, object]
    names: Mapping[str, str]

    def prefixes(self, required: Collection[str]) -> Counter[str]:
        """Count the required names behind each prefix."""
        found = Counter({"": 0})
        for name in self.names:
            starts = [0, *(dot.end() for dot in re.finditer(r"\.", name))]
            found.update(name[:start] for start in starts if name[start:] in required)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network in a file, compared with a backbone's tensors.

    ``name`` is what ``--weights-key`` calls it: its keys and its prefix, joined by dots; empty if
    it is the whole file. ``found`` are its tensors of the backbone's names, ``usable`` those that
    can take the place of the backbone's, and ``problems`` the reasons why others cannot: names
    that are missing, unexpected, and of another shape or type.
    """

    name: str
    reading: FileReading
    found: Mapping[str, torch.Tensor]
    usable: Mapping[str, torch.Tensor]
    problems: Mapping[str, Sequence[str]]

    @property
    def fits(self) -> bool:
        """Whether every tensor that the embedding uses is there, and nothing else inside of it."""
        return not any(self.problems.values())

    @property
    def rank(self) -> tuple[bool, int, bool]:
        """Sorts networks that fit: a copy with averaged weights last, usual places first."""
        container, prefix = self.reading.container, self.reading.prefix
        is_usual = container in _USUAL_NAMES
        place = _USUAL_NAMES.index(container) if is_usual else len(_USUAL_NAMES)
        return bool(_AVERAGED.search(self.name)), place, bool(prefix)


@cache
def needs_of(backbone: Backbone, embedding: EmbeddingKind) -> Needs:
    """Return a backbone's tensors, and which of them the embedding is computed from."""
    with torch.device("meta"):
        model = architecture.build(backbone)
    expected = model.state_dict(keep_vars=True)
    body = remove_head(model, embedding).state_dict(keep_vars=True)
    used = {id(tensor) for tensor in body.values()}
    required = {
        name: tensor
        for name, tensor in expected.items()
        if id(tensor) in used and not name.endswith(_COUNTER)
    }
    return Needs(expected, required)


def networks(held: Sequence[Container], needs: Needs) -> list[Network]:
    """Find the networks of a file that have all names of a backbone, or else the closest ones.

    Args:
        held: at least one container.
        needs: the backbone's tensors.

    Returns:
        At least one network; those that fit before others, and those in usual places first.
    """
    counted = [
        (count, container, prefix)
        for container in held
        for prefix, count in container.prefixes(needs.required).items()
    ]
    most = max(count for count, _, _ in counted)
    found = [_compared(each, prefix, needs) for count, each, prefix in counted if count == most]
    return sorted(found, key=lambda each: (not each.fits, each.rank))


def containers(loaded: object) -> list[Container]:
    """Return all mappings with named tensors in what a file holds, outer ones first."""
    return [
        Container(keys, value, names)
        for keys, value in nested(loaded)
        if isinstance(value, Mapping) and (names := _names_of_today(value))
    ]


def nested(loaded: object) -> Iterator[tuple[Keys, object]]:
    """Yield what a file holds, and the values of nested mappings with their keys.

    A mapping that is in several places, or in itself, is entered once, and none very deeply.
    """
    waiting: list[tuple[Keys, object]] = [((), loaded)]
    entered: set[int] = set()
    for keys, value in waiting:  # grows meanwhile
        yield keys, value
        if isinstance(value, Mapping) and id(value) not in entered and len(keys) < _DEEPEST:
            entered.add(id(value))
            waiting.extend(((*keys, key), each) for key, each in value.items())


def plain(text: object) -> str:
    """Return a name from a file, which can be any text, as text for one line."""
    return ascii(str(text))[1:-1][:_LENGTH_AT_MOST]


def _names_of_today(entries: Mapping[object, object]) -> dict[str, str]:
    tensors = (key for key, value in entries.items() if isinstance(value, torch.Tensor))
    names = {key: key for key in tensors if isinstance(key, str)}
    for name in list(names):
        new = name
        for pattern, replacement in _OTHER_NAMES:
            new = pattern.sub(replacement, new)
        if new not in names:  # a translated name does not replace another tensor's
            names[new] = names.pop(name)
    return names


def _compared(container: Container, prefix: str, needs: Needs) -> Network:
    names, entries = container.names, container.entries
    original = {name: names[prefix + name] for name in needs.expected if prefix + name in names}
    found = {name: cast("torch.Tensor", entries[original[name]]) for name in original}
    differences = {name: _difference(each, needs.expected[name]) for name, each in found.items()}
    usable = {name: tensor for name, tensor in found.items() if not differences[name]}
    # The prefix as the file has it: a wrapper may be in the middle of it.
    first = next((name for name in original if original[name].endswith(name)), "")
    given = original[first].removesuffix(first) if first else prefix
    parts = tuple({prefix + name.partition(".")[0] + "." for name in needs.required})
    problems = {
        "missing": [name for name in needs.required if name not in found],
        "unexpected": [
            plain(name)
            for name in names
            if name.startswith(parts) and name.removeprefix(prefix) not in needs.expected
        ],
        "of another shape or type": [
            f"{name} {differences[name]}" for name in needs.required if differences.get(name)
        ],
    }
    keys = ".".join(map(plain, container.keys))
    used = set(original.values())
    reading = FileReading(
        container=keys,
        prefix=plain(given),
        translated=Entries.of(
            [plain(old) for name, old in original.items() if old != given + name]
        ),
        ignored=Entries.of([plain(key) for key in entries if key not in used]),
        unused=Entries.of([name for name in needs.expected if name not in usable]),
    )
    name = ".".join(filter(None, (keys, plain(given.rstrip(".")))))
    return Network(name=name, reading=reading, found=found, usable=usable, problems=problems)


def _difference(given: torch.Tensor, like: torch.Tensor) -> str:
    """Say why one tensor cannot take another's place; precision and layout do not matter."""
    if given.shape != like.shape:
        shapes = ["x".join(map(str, each.shape)) or "a scalar" for each in (given, like)]
        return f"is {shapes[0]}, not {shapes[1]}"
    is_plain = type(given) in {torch.Tensor, torch.nn.Parameter} and not given.is_quantized
    if not is_plain or given.layout != torch.strided or given.device.type != "cpu":
        kind = f"{given.device.type} device, {given.layout}, {given.dtype}"
        return f"is a {type(given).__name__} on the {kind}"
    if _number(given) != _number(like):
        return f"holds {_number(given)}, not {_number(like)}"
    return ""


def _number(tensor: torch.Tensor) -> str:
    if tensor.is_complex():
        return "complex numbers"
    return "floats" if tensor.is_floating_point() else "integers"

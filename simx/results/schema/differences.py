"""What differs between two records of one kind, in words."""

from collections.abc import Iterator, Mapping

import msgspec

from simx.results.schema.config import OwnModel
from simx.results.schema.environment import OtherEnvironment


def differences(
    before: msgspec.Struct | None, now: msgspec.Struct | None, labels: Mapping[str, str] = {}
) -> Iterator[tuple[str, str]]:
    """Yield each field that differs, and its label with what it was and what it is.

    Args:
        before: The earlier record.
        now: The later record, whose fields are compared.
        labels: The label of a field, where it is not the field's name.
    """
    for field in () if now is None else now.__struct_fields__:
        label = labels.get(field, field.replace("_", " "))
        was, is_now = getattr(before, field, None), getattr(now, field)
        if isinstance(was, dict) and isinstance(is_now, dict):
            keys = (key for key in sorted({*was, *is_now}) if was.get(key) != is_now.get(key))
            for one, other, key in ((was.get(key), is_now.get(key), key) for key in keys):
                is_record = type(one) is type(other) in {OtherEnvironment, OwnModel}
                texts = [text for _, text in differences(one, other)] if is_record else []
                for text in texts or [_difference(one, other)]:
                    yield field, f"{label} {key} {text}"
        elif was != is_now:
            yield field, f"{label} {_difference(was, is_now)}"


def _difference(was: object, is_now: object) -> str:
    return f"was {_shown(was)} and is {_shown(is_now)}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "none"
    sha256 = getattr(value, "sha256", None)
    if sha256 is not None:
        kind = "file" if isinstance(value, OwnModel) else "picture"
        return f"a {kind} of SHA-256 {sha256[:12]}"
    return "none" if value is None else str(value)

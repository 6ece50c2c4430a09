"""Every figure, time and text of every file has a range, and what is outside is refused by name.

The fields are taken from the types, so that a new field cannot be forgotten.
"""

import copy
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.common.bounded import Moment
from simx.common.misfits import ranges_of
from simx.common.strict_json import JsonDefectError, decode
from simx.exporter.store.manifest import Manifest
from simx.exporter.store.output_manifest import OutputManifest
from simx.results.files.journal_lines import FinishedLaunch, Header, Noted
from simx.results.files.report import schema_json
from simx.results.schema.evaluation import Evaluation
from simx.results.schema.report import Report

FILES: Mapping[str, Any] = {
    "report": Report,
    "evaluation": Evaluation,
    "journal": Header,
    "journal, launch": FinishedLaunch,
    "journal, notes": Noted,
    "manifest": Manifest,
    "manifest of a folder": OutputManifest,
}

SOUND: Mapping[type, tuple[object, ...]] = {
    bool: (True,),
    float: (1.0,),
    int: (1, 5),
    str: ("x", "2026-01-05T12:00:00Z", "0" * 64),
}
"""Values by their type, of which a field has the first that is in its range."""

Step = str | int


@dataclass(frozen=True, slots=True)
class Field:
    """One figure or text of a sound document."""

    file: str
    steps: tuple[Step, ...]
    kind: Any

    @property
    def place(self) -> str:
        return "$" + "".join(
            f".{step}" if isinstance(step, str) else f"[{step}]" for step in self.steps
        )

    @property
    def base(self) -> type:
        base: type = get_args(self.kind)[0] if get_origin(self.kind) is Annotated else self.kind
        return base

    def refusal(self, value: object) -> str | None:
        """Return with which message a value is refused here."""
        document = copy.deepcopy(DOCUMENTS[self.file])
        *steps, last = self.steps
        parent = document
        for step in steps:
            parent = parent[step]
        parent[last] = value
        try:
            decode(json.dumps(document).encode(), FILES[self.file])
        except JsonDefectError as error:
            return str(error)
        return None


def alternatives(kind: Any) -> list[Any]:
    found = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    return [each for each in found if each is not type(None)]


def bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def sound(kind: Any) -> Any:
    """Return a document of a type: every field is given, and lists have each kind of member."""
    one = bare(kind)
    arguments = get_args(one)
    if get_origin(one) is Literal:
        return arguments[0]
    if get_origin(one) is tuple and arguments[-1] is Ellipsis:
        return [sound(each) for each in alternatives(arguments[0])]
    if get_origin(one) is tuple:
        return [sound(each) for each in arguments]
    if get_origin(one) is dict:
        return {sound(arguments[0]): sound(arguments[1])}
    if isinstance(one, type) and issubclass(one, msgspec.Struct):
        hints = get_type_hints(one, include_extras=True)
        document = {name: sound(alternatives(of)[0]) for name, of in hints.items()}
        config = one.__struct_config__
        return document if config.tag is None else {config.tag_field: config.tag, **document}
    return next(value for value in (*SOUND[one], None) if _fits(value, kind))


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def fields(file: str, document: Any, kind: Any, steps: tuple[Step, ...] = ()) -> Iterator[Field]:
    """Yield every figure and text of a sound document."""
    one = bare(kind)
    arguments = get_args(one)
    if get_origin(one) is tuple and arguments[-1] is Ellipsis:
        for place, each in enumerate(alternatives(arguments[0])):
            yield from fields(file, document[place], each, (*steps, place))
    elif get_origin(one) is tuple:
        for place, each in enumerate(arguments):
            yield from fields(file, document[place], each, (*steps, place))
    elif get_origin(one) is dict:
        ((key, value),) = document.items()
        yield from fields(file, value, arguments[1], (*steps, key))
    elif isinstance(one, type) and issubclass(one, msgspec.Struct):
        for name, of in get_type_hints(one, include_extras=True).items():
            yield from fields(file, document[name], alternatives(of)[0], (*steps, name))
    elif one in {int, float, str}:
        yield Field(file, steps, kind)


DOCUMENTS: Mapping[str, Any] = {file: sound(kind) for file, kind in FILES.items()}
FIELDS = [each for file, kind in FILES.items() for each in fields(file, DOCUMENTS[file], kind)]


def outside(field: Field) -> Iterator[object]:
    """Yield the nearest values outside of a field's range, and a text that is no time."""
    for of in ranges_of(field.kind):
        if of.ge is not None:
            yield math.nextafter(of.ge, -math.inf) if field.base is float else of.ge - 1
        if of.gt is not None:
            yield of.gt
        if of.le is not None:
            yield math.nextafter(of.le, math.inf) if field.base is float else of.le + 1
        if of.max_length is not None:
            yield "x" * (of.max_length + 1)
        if of.pattern is not None:
            yield "yesterday"


@pytest.mark.parametrize("file", FILES)
def test_the_documents_are_sound(file: str) -> None:
    """Each is read whole, so that a value that is refused is refused for itself."""
    found = decode(json.dumps(DOCUMENTS[file]).encode(), FILES[file])

    assert json.loads(msgspec.json.encode(found)) == DOCUMENTS[file]


def test_every_figure_and_text_has_a_range() -> None:
    """A figure has a lower and an upper end, and a text has a longest length."""
    without = [
        f"{field.file} {field.place}"
        for field in FIELDS
        if not any(
            of.max_length is not None or of.pattern is not None
            if field.base is str
            else of.le is not None and (of.ge is not None or of.gt is not None)
            for of in ranges_of(field.kind)
        )
    ]

    assert len(FIELDS) > 200
    assert without == []


def test_every_time_of_a_file_is_a_time() -> None:
    """A field of this name has no text besides a date, a time of day and an offset."""
    assert {field.kind for field in FIELDS if field.steps[-1] == "created"} == {Moment}


@pytest.mark.parametrize("file", FILES)
def test_the_nearest_value_outside_is_refused_by_name(file: str) -> None:
    """For every field, below its range and above it, in one line with the field's place."""
    for field in FIELDS:
        for value in outside(field) if field.file == file else ():
            message = field.refusal(value)

            assert message is not None, (field, value)
            assert message.startswith(f"{field.place} "), (field, message)
            assert "\n" not in message


@given(st.data())
def test_any_value_outside_is_refused_by_name(data: st.DataObject) -> None:
    """However far outside it is."""
    field = data.draw(st.sampled_from([each for each in FIELDS if each.base in {int, float}]))
    (of,) = ranges_of(field.kind)
    numbers: st.SearchStrategy[float] = (
        st.integers(-(2**63), 2**64 - 1) if field.base is int else st.floats(-1e300, 1e300)
    )

    def is_outside(number: float) -> bool:
        return bool(
            (of.ge is not None and number < of.ge)
            or (of.gt is not None and number <= of.gt)
            or (of.le is not None and number > of.le)
        )

    value = data.draw(numbers.filter(is_outside))
    message = field.refusal(value)

    assert message is not None
    assert message.startswith(f"{field.place} is {value!r}; it is ")


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "",
        "2026-01-05",
        "2026-13-05T12:00:00Z",
        "2026-01-32T12:00:00Z",
        "2026-01-05T24:00:00Z",
        "2026-01-05T12:60:00Z",
        "2026-01-05T12:00:00",
        "2026-01-05T12:00:00Z and more",
        "before 2026-01-05T12:00:00Z",
    ],
)
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    """In each kind of file that has one."""
    messages = [each.refusal(text) for each in FIELDS if each.kind is Moment]

    assert messages
    assert set(messages) <= {
        f"{place} is {text!r}; it is a time such as 2026-01-05T12:00:00+00:00"
        for place in ("$.created", "$.report.created")
    }


@pytest.mark.parametrize(
    ("record", "field", "expected"),
    [
        ("Parity", "cosine", {"minimum": -1, "maximum": 1}),
        (
            "Catalogue",
            "gflops",
            {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1e18}, {"type": "null"}]},
        ),
        ("QuotedCell", "decimals", {"minimum": 0, "maximum": 6}),
        ("Block", "calls", {"minimum": 1, "maximum": 2**63 - 1}),
        ("Report", "simx", {"maxLength": 65536}),
    ],
)
def test_the_published_schema_has_the_ranges(
    record: str, field: str, expected: dict[str, object]
) -> None:
    """``simx report --schema`` is enough for another reader."""
    found = json.loads(schema_json())["$defs"][record]["properties"][field]

    assert expected.items() <= found.items()

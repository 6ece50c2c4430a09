"""What a type refuses in a document is found with its place."""

from typing import Annotated, Literal

import msgspec
import pytest

from simx.common.misfits import misfit


class Circle(msgspec.Struct, tag="circle"):
    radius: Annotated[float, msgspec.Meta(ge=0, le=10)]
    center: tuple[float, float]


class Text(msgspec.Struct, tag="text", forbid_unknown_fields=True):
    content: Annotated[str, msgspec.Meta(max_length=3)]
    size: Annotated[int, msgspec.Meta(gt=0)] | None
    style: dict[str, Literal["on", "off"]]


class Page(msgspec.Struct):
    items: Annotated[tuple[Circle | Text, ...], msgspec.Meta(min_length=1)]


CIRCLE: dict[str, object] = {"type": "circle", "radius": 1, "center": [0, 0]}
TEXT: dict[str, object] = {"type": "text", "content": "abc", "size": None, "style": {}}


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ([CIRCLE, TEXT], None),
        ([], "$.items is empty"),
        ([CIRCLE, CIRCLE | {"radius": 11}], "$.items[1].radius is 11; it is at most 10"),
        ([CIRCLE | {"radius": -0.5}], "$.items[0].radius is -0.5; it is at least 0"),
        ([TEXT | {"size": 0}], "$.items[0].size is 0; it is more than 0"),
        ([TEXT | {"content": "abcd"}], "$.items[0].content has 4 characters; it has at most 3"),
        (
            [CIRCLE | {"center": [0, "x"]}],
            "Expected `float`, got `str` - at `$.items[0].center[1]`",
        ),
        ([TEXT | {"style": {"bold": 1}}], "Expected `str`, got `int` - at `$.items[0].style.bold`"),
        ([TEXT | {"style": {"a": "\ud800"}}], "surrogates not allowed - at `$.items[0].style.a`"),
        ([CIRCLE, TEXT | {"extra": 1}], "unknown field `extra` - at `$.items[1]`"),
        ([CIRCLE, {"type": "arc"}], "Invalid value 'arc' - at `$.items[1].type`"),
        (["x"], "Expected `object`, got `str` - at `$.items[0]`"),
    ],
)
def test_the_first_misfit_is_named(items: list[object], found: str | None) -> None:
    """By its path, what it is, and what it should be."""
    message = misfit({"items": items}, Page)

    assert message == found if found is None else found in str(message)

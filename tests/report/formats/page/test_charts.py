"""Data inside a script element: nothing in it can end the element, or be taken for code."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.report.formats.page.charts import script_json


@pytest.mark.parametrize(
    "text", ["</script>", "<!--", "]]>", "&lt;", "\u2028", "\u2029", "</ScRiPt ><b>"]
)
def test_what_html_or_javascript_would_read_is_escaped(text: str) -> None:
    """Neither an element, nor a comment, nor an entity, nor a line end is left."""
    written = script_json([text])

    assert not set(written) & set("<>&\u2028\u2029")


@given(
    st.recursive(
        st.none() | st.integers(-1000, 1000) | st.text(), lambda of: st.lists(of, max_size=3)
    )
)
def test_it_is_still_the_same_data(data: object) -> None:
    """Parsing it returns what was put in."""
    assert msgspec.json.decode(str(script_json(data))) == data


def test_a_template_takes_it_as_it_is() -> None:
    """It is marked as safe, so that quotes stay quotes."""
    assert script_json(["a"]).__html__() == '["a"]'

"""Names of backends, taken apart and put together."""

import pytest

from simx.common.errors import InputError
from simx.models.backend_name import BackendName

NAMES = {
    "torch": ("", "torch", "", ""),
    "torch:channels-last+passive": ("", "torch", "", "channels-last+passive"),
    "ort@venv": ("", "ort", "venv", ""),
    "ort@/v/bin/python:spinning": ("", "ort", "/v/bin/python", "spinning"),
    "new one=ort@venv:use_tf32=1": ("new one", "ort", "venv", "use_tf32=1"),
    "new=ort": ("new", "ort", "", ""),
    "ort@/a:b/venv": ("", "ort", "/a:b/venv", ""),
    "ort@/a:b/c:d/venv:spinning": ("", "ort", "/a:b/c:d/venv", "spinning"),
    "ort@a:/b": ("", "ort", "a:/b", ""),
    "ort@/venv:cache=/a/b": ("", "ort", "/venv", "cache=/a/b"),
    "ort@/venv:spinning+cache=/a:b/c": ("", "ort", "/venv", "spinning+cache=/a:b/c"),
    'ort:load_config={"CPU":{"N":"2"}}': ("", "ort", "", 'load_config={"CPU":{"N":"2"}}'),
}


@pytest.mark.parametrize("text", NAMES)
def test_a_name_has_its_parts(text: str) -> None:
    """A path may have colons before a slash; what follows it are changes, whose values may too."""
    parts = BackendName.parse(text)

    assert (parts.title, parts.name, parts.environment, parts.changes) == NAMES[text]


@pytest.mark.parametrize("text", NAMES)
def test_the_parts_make_the_name_again(text: str) -> None:
    """Nothing is lost or added."""
    assert str(BackendName.parse(text)) == text


@pytest.mark.parametrize("text", ["", "=ort", "a=b=ort", "@venv", "a+b=ort", "ort@"])
def test_another_form_is_refused(text: str) -> None:
    """The message has the form and an example."""
    with pytest.raises(InputError, match=r"write it as \[LABEL=\]NAME\[@ENVIRONMENT\]\[:VARIANT\]"):
        BackendName.parse(text)

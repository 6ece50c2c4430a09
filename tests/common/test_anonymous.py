"""A text that is given away names no folder, no user and no host."""

import getpass
import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simx.common.anonymous import anonymous


@pytest.fixture(autouse=True)
def _carol_on_northwind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/people/carol")
    monkeypatch.setattr(getpass, "getuser", lambda: "carol")
    monkeypatch.setattr(socket, "gethostname", lambda: "northwind.example.org")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('File "/srv/people/carol/work/run.py", line 3', 'File "run.py", line 3'),
        ("cannot write to /srv/people/carol", "cannot write to ~"),
        ("/srv/people/caroline/x.pth is damaged", "x.pth is damaged"),
        ("store /mnt/disk/exports: cannot be written", "store exports: cannot be written"),
        ("put it into /srv/people/carol/.cache/torch/hub yourself", "put it into hub yourself"),
        ("'/mnt/my disk/a model.onnx' is missing", "'a model.onnx' is missing"),
        ("/home/alice is full, C:\\Users\\bob\\models\\net.onnx too", "~ is full, net.onnx too"),
        ("open('../../alice/x.onnx') failed", "open('x.onnx') failed"),
        ("cannot read ../../alice/x.onnx", "cannot read x.onnx"),
        ("cannot read work/alice/x.onnx of 2/3.5 GB", "cannot read x.onnx of 2/3.5 GB"),
        ("load_config=/mnt/alice/config.json", "load_config=config.json"),
        ("carol@northwind: killed", "USER@HOST: killed"),
        ("hostname=northwind.example.org", "hostname=HOST"),
        ("2/3 of 7 MB/s and a carolling bird", "2/3 of 7 MB/s and a carolling bird"),
    ],
)
def test_paths_are_reduced_to_names_of_files(text: str, shown: str) -> None:
    """Which file it was helps; where it is does not. What only looks alike stays."""
    assert anonymous(text) == shown


@given(
    st.lists(st.sampled_from(["/", "~", "..", ".", "'", '"', " ", "a", "bob", "\\", ":", "="])),
)
def test_an_anonymous_text_stays_as_it_is(parts: list[str]) -> None:
    """A text may pass through it twice, as stderr does within a reason, and is then the same."""
    once = anonymous("".join(parts))

    assert anonymous(once) == once


@pytest.mark.parametrize("name", ["root", "me"])
def test_names_of_no_one_in_particular_stay(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Such a name is part of other texts, and tells nothing."""
    monkeypatch.setattr(getpass, "getuser", lambda: name)

    assert anonymous(f"{name} may not") == f"{name} may not"


def test_a_user_without_a_name_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that its system does not know."""

    def unknown() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)

    assert anonymous("carol/x on northwind") == "carol/x on HOST"

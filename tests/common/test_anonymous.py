"""A text that is given away names no folder, no user and no host."""

import getpass
import os
import re
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
        ("/mnt/Jane Doe/exports/x.onnx is missing", "x.onnx is missing"),
        ("/mnt/x.pth has 2/3 of it", "x.pth has 2/3 of it"),
        ("cannot copy /mnt/a/x to ~alice/y", "cannot copy x to y"),
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
    st.lists(
        st.sampled_from(["/", "~", "..", ".", "'", '"', " ", "a", " b", "bob", "\\", ":", "="]),
        max_size=12,
    )
)
def test_no_folder_of_an_absolute_path_stays(parts: list[str]) -> None:
    """Whatever is around it. What is left of a path is the name of its file."""
    assert not re.search(r"(?:^|\s)[/~]\w+/\w|~/\w", anonymous("".join(parts)))


@pytest.mark.parametrize("part", ["/", "/a ", "/a a a", "a/", "~/a b ", "'/"])
def test_a_long_text_takes_no_long_time(part: str) -> None:
    """A worker may write anything to stderr: the time grows with its length alone."""
    assert len(anonymous(part * 20_000)) <= len(part) * 20_000


@pytest.mark.parametrize("name", ["root", "me"])
def test_names_of_no_one_in_particular_stay(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Such a name is part of other texts, and identifies no user."""
    monkeypatch.setattr(getpass, "getuser", lambda: name)

    assert anonymous(f"{name} may not") == f"{name} may not"


def test_a_user_without_a_name_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that its system does not know."""

    def unknown() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)

    assert anonymous("carol/x on northwind") == "carol/x on HOST"

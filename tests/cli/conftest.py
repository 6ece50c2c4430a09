"""Every test of the command line works in an empty folder."""

import pytest

from tests.cli.fixtures import folder, simx

__all__ = ["folder", "simx"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(folder: object) -> None:
    """Use it, named or not."""

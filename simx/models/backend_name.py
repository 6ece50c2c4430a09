"""A backend's name on the command line, ``[LABEL=]NAME[@ENVIRONMENT][:CHANGES]``, in its parts."""

import re
from typing import Self

import msgspec

from simx.common.errors import InputError

# A colon of a path has a slash behind it, before any equal sign: an option's value can be a path.
_PARTS = re.compile(
    r"(?:(?P<title>[^=:@+]+)=)?(?P<name>[^=:@]+)"
    r"(?:@(?P<environment>(?:[^:]|:(?=[^:=]*/))+))?(?::(?P<changes>.*))?",
    re.DOTALL,
)


class BackendName(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a backend's name; those that it lacks are empty.

    ``title`` is the user's label, and ``environment`` the folder of a virtual environment, a Python
    executable, or a name from the settings. ``changes`` are variants, options and variables, with
    plus signs between them.
    """

    title: str = ""
    name: str
    environment: str = ""
    changes: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of a name.

        Raises:
            InputError: it has another form.
        """
        found = _PARTS.fullmatch(text)
        if found is None:
            raise InputError(
                f"backend {text!r}: write it as [LABEL=]NAME[@ENVIRONMENT][:VARIANT], such as "
                "new=ort@.venv-new:spinning"
            )
        return cls(**found.groupdict(""))

    @property
    def in_a_report(self) -> str:
        """The label, or else the name, with the changes, and no environment."""
        name = self.title or self.name
        return f"{name}:{self.changes}" if self.changes else name

    def __str__(self) -> str:
        """Return the name as it is typed."""
        title = f"{self.title}=" if self.title else ""
        environment = f"@{self.environment}" if self.environment else ""
        changes = f":{self.changes}" if self.changes else ""
        return f"{title}{self.name}{environment}{changes}"

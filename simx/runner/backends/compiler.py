"""The C++ compiler that inductor, torch's compiler, calls. Imports no runtime."""

import os
import shlex
import shutil

from simx.common.errors import ProviderUnavailableError

REMEDY = "install one, such as with apt-get install g++, or name another one in the variable CXX"


def compiler_name() -> str:
    """Return the name of the compiler: what ``CXX`` has, or else g++."""
    return (shlex.split(os.environ.get("CXX", "")) or ["g++"])[0]


def cpp_compiler() -> str | None:
    """Return the path of the compiler; None without one."""
    return shutil.which(compiler_name())


def require_cpp_compiler(backend: str) -> None:
    """Require a compiler for a backend, given by its name.

    Raises:
        ProviderUnavailableError: there is none.
    """
    if cpp_compiler() is None:
        raise ProviderUnavailableError(
            f"backend {backend}: it needs a C++ compiler, and {compiler_name()} is not here; "
            f"{REMEDY}"
        )

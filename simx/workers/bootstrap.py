"""Runs a module of simx in any interpreter, also one where simx is not installed.

Run as ``python -P bootstrap.py BORROWED MODULE ARGUMENTS``. It puts nothing on the import path:
simx is loaded from the folder of this file, and threadpoolctl from the file BORROWED. All other
packages are those of the interpreter's environment.
"""

import importlib.util
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def _load(name: str, file: Path, folders: "list[str] | None" = None) -> "ModuleType":
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    package = Path(__file__).parents[1]
    _load("simx", package / "__init__.py", [str(package)])
    _load("threadpoolctl", Path(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

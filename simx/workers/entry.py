"""Finding the function a worker runs, by the name it was given on the command line."""

import importlib

from simx.workers.worker import WorkerMain


def resolve(entry: str) -> WorkerMain:
    """Import ``package.module:function``; importing it is what loads the runtime.

    Raises:
        ImportError: the module, or something it needs, is not installed.
    """
    module, _, function = entry.partition(":")
    main: WorkerMain = getattr(importlib.import_module(module), function)
    return main

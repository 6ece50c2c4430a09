"""Checks the file that a worker executes, and loads that same open file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from simx.exporter.store.stored_files import DamagedEntryError, confined
from simx.runner.backends.contract import BackendError, Task


@contextmanager
def verified_task(task: Task) -> Iterator[Task]:
    """Provide a task whose paths lead to the verified files, while it is being loaded.

    Raises:
        BackendError: a file is not what the export's manifest says.
    """
    field = "weights_path" if Path(task.weights_path).name in task.files else "model_path"
    path = Path(getattr(task, field))
    try:
        with confined(path.parent, task.files) as folder:
            yield msgspec.structs.replace(task, **{field: str(folder / path.name)})
    except DamagedEntryError as error:
        raise BackendError(f"{error}; run simx export again") from None

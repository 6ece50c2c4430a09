"""Messages about downloads: their size beforehand, their progress, and what has arrived."""

from collections.abc import Callable, Sequence
from threading import Lock

from simx.cli.output import tell
from simx.common.input_files import shown
from simx.exporter.weights.cache import checkpoint_bytes, checkpoint_path, checkpoints_folder
from simx.exporter.weights.disk_space import require_room, size_of
from simx.models.backbone import Backbone


def announce(lacking: Sequence[Backbone], *, offline: bool) -> None:
    """Say, before the first byte, what is to be downloaded; nothing where nothing is.

    Raises:
        SystemFailureError: there is no room for it.
    """
    if not lacking:
        return
    folder = shown(checkpoints_folder())
    count = "one checkpoint is" if len(lacking) == 1 else f"{len(lacking)} checkpoints are"
    if offline:
        tell(
            f"offline: {count} not here, and nothing is downloaded; what is in {folder} and in the "
            "store is used"
        )
        return
    needed, free = require_room(lacking)
    tell(
        f"{count} to be downloaded, {size_of(needed)} in all, into {folder} "
        f"({size_of(free)} free there)"
    )


class Downloading:
    """Turns the callbacks of downloads, each from its own thread, into lines.

    One line for each checkpoint that has arrived, and one for the progress bar, about all that are
    under way.
    """

    def __init__(self, lacking: Sequence[Backbone], say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = Lock()
        self._sizes = {backbone.name: checkpoint_bytes(backbone) for backbone in lacking}
        self._done: dict[str, int] = {}
        self._arrived: set[str] = set()

    def progress(self, backbone: Backbone, done: int, total: int | None) -> None:
        """Note how many bytes of a checkpoint are here, and how many it has if that is known."""
        with self._lock:
            self._done[backbone.name] = done
            self._sizes[backbone.name] = max(total or self._sizes.get(backbone.name, 0), done)
            self._say(self._under_way())

    def arrived(self, backbone: Backbone) -> None:
        """Say that a checkpoint is here."""
        with self._lock:
            size = self._sizes.setdefault(backbone.name, checkpoint_bytes(backbone))
            self._done[backbone.name] = size
            self._arrived.add(backbone.name)
            line = f"downloaded {checkpoint_path(backbone).name}, {size_of(size)}"
            if len(self._sizes) > 1:
                count = f"{len(self._arrived)} of {len(self._sizes)}"
                line += f" ({count} checkpoints, {self._overall()})"
            tell(line)

    def end(self, backbone: Backbone) -> None:
        """Note that a download is over, whether its checkpoint arrived or not."""
        with self._lock:
            if backbone.name not in self._arrived:
                self._done.pop(backbone.name, None)

    def _under_way(self) -> str:
        each = [
            f"{name} {100 * done // max(self._sizes[name], 1)} %"
            for name, done in self._done.items()
            if name not in self._arrived
        ]
        return f"downloading {', '.join(each)}: {self._overall()}"

    def _overall(self) -> str:
        return f"{size_of(sum(self._done.values()))} of {size_of(sum(self._sizes.values()))}"

"""What is said of downloads: what they will take, how they get on, and which have arrived."""

from collections.abc import Callable, Sequence
from threading import Lock

from simx.cli.output import tell
from simx.common.input_files import shown
from simx.exporter.weights.cache import checkpoint_path
from simx.exporter.weights.need import checkpoint_bytes, need_of, size_of
from simx.models.backbone import Backbone


def announce(lacking: Sequence[Backbone], *, offline: bool) -> None:
    """Say, before the first byte, what is to be downloaded; nothing where nothing is.

    Raises:
        SystemFailureError: there is no room for it.
    """
    if not lacking:
        return
    need = need_of(lacking)
    if offline:
        tell(
            f"offline: {_checkpoints(need.checkpoints)} not here, and nothing is downloaded; "
            f"what is in {shown(need.folder)} and in the store is used"
        )
        return
    need.require_room()
    tell(
        f"{_checkpoints(need.checkpoints)} to be downloaded, {size_of(need.bytes)} in all, into "
        f"{shown(need.folder)} ({size_of(need.free_bytes())} free there)"
    )


class Downloading:
    """Turns what running downloads tell, each from its own thread, into lines.

    A line when a checkpoint has arrived, and one, of all that are under way, for the progress bar.
    """

    def __init__(self, lacking: Sequence[Backbone], say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = Lock()
        self._sizes = {backbone.name: checkpoint_bytes(backbone) for backbone in lacking}
        self._done: dict[str, int] = {}
        self._arrived: set[str] = set()

    def progress(self, backbone: Backbone, done: int, total: int | None) -> None:
        """Take note of how far one is."""
        with self._lock:
            self._done[backbone.name] = done
            self._sizes[backbone.name] = max(total or self._sizes.get(backbone.name, 0), done)
            self._say(self._under_way())

    def arrived(self, backbone: Backbone) -> None:
        """Say that one is here."""
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
        """Take note that nothing more will come of one, whether it is here or not."""
        with self._lock:
            if backbone.name not in self._arrived:
                self._done.pop(backbone.name, None)

    def _under_way(self) -> str:
        each = [
            f"{name} {_percent(done, self._sizes[name])}"
            for name, done in self._done.items()
            if name not in self._arrived
        ]
        return f"downloading {', '.join(each)}: {self._overall()}"

    def _overall(self) -> str:
        return f"{size_of(sum(self._done.values()))} of {size_of(sum(self._sizes.values()))}"


def _percent(done: int, whole: int) -> str:
    return f"{100 * done // max(whole, 1)} %"


def _checkpoints(count: int) -> str:
    return "one checkpoint is" if count == 1 else f"{count} checkpoints are"

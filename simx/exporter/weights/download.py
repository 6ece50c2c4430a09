"""Fetch checkpoints into torch's cache, each whole and verified or not at all.

A transfer that is interrupted goes on where it stopped, in this process or a later one. Whoever
else fetches the same checkpoint at the same time waits for the first and shares its file. Never
imports torch.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path

from simx.common.atomic import make_folder
from simx.common.errors import InputError, SystemFailureError
from simx.common.input_files import shown
from simx.common.locking import lock_file
from simx.exporter.weights.address import is_safe
from simx.exporter.weights.cache import checkpoint_path
from simx.exporter.weights.identity import Notice, accept, problem_of, tell_nobody
from simx.exporter.weights.partial import Partial, lock_path, opened_partial, sweep
from simx.exporter.weights.transfer import MEBIBYTE, Progress, Transfer, TransferError, Trouble
from simx.models.backbone import Backbone

STALL_SECONDS = 30.0
"""How long a connection may deliver nothing at all before it is given up."""

RETRY_SECONDS = (1.0, 5.0, 20.0)
"""Waits before asking a host once more that is there and has trouble."""

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who is told, from any thread, how downloads get on.

    ``progress`` hears a backbone, the bytes of its checkpoint that are here, and all of them where
    that is known; ``arrived`` that it is here and intact; ``notice`` what else a user should know,
    in one line.
    """

    progress: Callable[[Backbone, int, int | None], None] = lambda *_: None
    arrived: Callable[[Backbone], None] = lambda _: None
    notice: Notice = tell_nobody


class Downloads:
    """The downloads of one run: how they are made, and what they learn of the hosts they ask.

    A host that cannot be reached is asked once, whatever else is wanted from it. May be used from
    several threads.
    """

    def __init__(
        self,
        *,
        mirror: str | None = None,
        offline: bool = False,
        listener: Listener = Listener(),
        stall_seconds: float = STALL_SECONDS,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        """Ask nobody yet.

        Args:
            mirror: address of a folder that holds the same files under the same names, instead of
                torchvision's server: https, or http on a loopback host.
            offline: ask nobody at all.
            listener: who is told how they get on.
            stall_seconds: longest time without a byte.
            retry_seconds: waits before further attempts; counted anew where one got on.
        """
        self.notice = listener.notice
        self._listener = listener
        self._mirror = mirror
        self._offline = offline
        self._stall_seconds = stall_seconds
        self._retry_seconds = tuple(retry_seconds)
        self._answered: set[str] = set()
        self._unreachable: dict[str, str] = {}

    def fetch(self, backbone: Backbone) -> Path:
        """Fetch the backbone's checkpoint into torch's cache, unless it has arrived there already.

        The file appears under its name only when its sha256 begins as that name says, and is the
        one that is remembered of it, if one is.

        Args:
            backbone: whose ``url`` names the checkpoint.

        Returns:
            The path of the checkpoint.

        Raises:
            InputError: the address is not safe or not reachable, what it sent is not the
                checkpoint, or nobody may be asked.
            SystemFailureError: the cache cannot be written.
        """
        target, told = checkpoint_path(backbone), self._listener
        if self._offline:
            raise InputError(
                f"{target.name} is not in {shown(target.parent)}, and offline nothing is "
                "downloaded; leave --offline (SIMX_OFFLINE) out, put the file there yourself, or "
                "use --weights random"
            )
        transfer = self._transfer(backbone, target)
        self._require_reachable(transfer)
        try:
            make_folder(target.parent)
            sweep(target.parent)
            with self._only_one(target):
                if not target.exists():
                    with opened_partial(target) as partial:
                        self._complete(transfer, partial, bound(told.progress, backbone))
                        told.arrived(backbone)
        except OSError as error:
            raise SystemFailureError(
                f"cannot write {shown(target)}: {error.strerror or error}; "
                "make room there, or set TORCH_HOME to another folder"
            ) from error
        return target

    def _transfer(self, backbone: Backbone, target: Path) -> Transfer:
        address = backbone.url
        if self._mirror is not None:
            address = f"{self._mirror.rstrip('/')}/{target.name}"
        if not is_safe(address):
            raise InputError(
                "the mirror of the weights must be an https address without a user name "
                "(http only on this machine); mend SIMX_WEIGHTS_MIRROR, or unset it"
            )
        # Twice the catalogue's figure is past any rounding; a server that sends on is wrong.
        limit = int(2 * backbone.file_size * MEBIBYTE) + MEBIBYTE
        return Transfer(address, target, limit, self._stall_seconds)

    @contextmanager
    def _only_one(self, target: Path) -> Iterator[None]:
        """Be the only one who fetches this checkpoint."""
        waiting = f"waiting for another process that downloads {target.name}"
        with lock_file(lock_path(target), on_wait=lambda: self.notice(waiting)):
            yield

    def _complete(self, transfer: Transfer, partial: Partial, progress: Progress) -> None:
        """Fetch what is missing and publish the whole, if it is the checkpoint."""
        name = transfer.target.name
        digest = partial.digest()
        # A process may have been ended between the last byte and the last step.
        if problem_of(name, digest) is not None:
            digest = self._received(transfer, partial, progress)
        accept(name, digest, self.notice)
        partial.publish()

    def _received(self, transfer: Transfer, partial: Partial, progress: Progress) -> str:
        """Fetch what is missing and return the hash of the whole, which is the checkpoint's.

        What was put together of several parts and is wrong gets a second chance, from its
        beginning: the parts may have been those of two files.
        """
        name, again = transfer.target.name, False
        while True:
            self._receive(transfer, partial, progress)
            digest = partial.digest()
            problem = problem_of(name, digest)
            if problem is None:
                return digest
            partial.clear()
            if again or transfer.began_at == 0:
                raise _failed(transfer, f"what it sent was thrown away, for its {problem}")
            self.notice(f"{name}: its parts do not belong together; downloading it again")
            again = True

    def _receive(self, transfer: Transfer, partial: Partial, progress: Progress) -> None:
        """Add what is missing, trying again after trouble that may pass."""
        name, waits = transfer.target.name, iter(self._retry_seconds)
        if partial.size:
            self.notice(f"{name}: going on after the {_megabytes(partial.size)} that are here")
        while True:
            before = partial.size
            try:
                transfer.attempt(partial, progress)
            except TransferError as error:
                if partial.size - before >= MEBIBYTE:
                    waits = iter(self._retry_seconds)
                self._wait(transfer, partial, error, waits)
            else:
                self._answered.add(transfer.host)
                return

    def _wait(
        self, transfer: Transfer, partial: Partial, error: TransferError, waits: Iterator[float]
    ) -> None:
        """Wait before the next attempt.

        Raises:
            InputError: there is to be none.
        """
        host, hopeless = transfer.host, error.trouble is Trouble.LASTING
        if error.trouble is Trouble.UNREACHABLE:
            # No network is told at once; one that was there may come back.
            hopeless = host not in self._answered
        else:
            self._answered.add(host)
        seconds = None if hopeless else next(waits, None)
        if seconds is None:
            if error.trouble is Trouble.UNREACHABLE:
                self._unreachable[host] = str(error)
            if error.trouble is Trouble.LASTING or not transfer.parts:
                partial.clear()
            kept = f" ({_megabytes(partial.size)} are kept to go on from)" if partial.size else ""
            raise _failed(transfer, f"{error}{kept}") from error
        self.notice(f"{transfer.target.name}: {error}; trying again in {seconds:g} s")
        time.sleep(seconds)

    def _require_reachable(self, transfer: Transfer) -> None:
        reason = self._unreachable.get(transfer.host)
        if reason is not None:
            raise _failed(transfer, f"it was not asked again after that ({reason})")


def _failed(transfer: Transfer, reason: str) -> InputError:
    """Say in one line what kept a checkpoint away and what else can be done."""
    name, folder = transfer.target.name, shown(transfer.target.parent)
    return InputError(
        f"cannot fetch {name} from {transfer.host}: {reason}; check the connection, name a mirror "
        f"in SIMX_WEIGHTS_MIRROR, put the file into {folder} yourself, or use --weights random"
    )


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.1f} MB"

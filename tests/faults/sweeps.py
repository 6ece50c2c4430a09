"""Sweeps of fakes that begin in a millisecond, each in a process of its own that can be killed.

Run as ``python -m tests.faults.sweeps FOLDER``. It imports everything once; for every line on
stdin, an ``Order`` as JSON, it forks a process that measures, and answers with its id. What that
process, its servers and its workers have in common is a pipe: it says which launches were begun,
and ends when the last of them has.
"""

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import IO, NoReturn

import msgspec

from simx.common.errors import Terminated
from simx.common.signals import handle_signals
from simx.exporter.store.entry import Entry
from simx.models.backbone import Backbone
from simx.results.files.journal import journal_path
from simx.results.schema.config import Schedule
from simx.results.schema.report import Report
from simx.runner.bench import launch as launches
from simx.runner.bench import schedule as schedules
from simx.runner.bench.cells import Workload
from simx.runner.bench.schedule import Deadlines
from simx.runner.bench.targets import OpenTargets
from simx.runner.measure import timing
from simx.runner.measure import warmup as warmups
from simx.runner.measure import worker as runner_worker
from simx.workers.child_process import bind_to_parent, resolve
from simx.workers.forking import ForkServer
from simx.workers.server import serve
from simx.workers.worker import Process
from tests.runner.benches import PLAN, go_on, run, small_pictures
from tests.runner.fakes import BACKBONE, entry_in, target


class Order(msgspec.Struct, frozen=True):
    """Measure some backbones on targets of fakes, into a report, and tell a pipe about it.

    With several ``settings`` they are the batches, and the numbers of threads.
    """

    report: str
    pipe: str
    backbones: tuple[str, ...]
    targets: tuple[str, ...] = ("right", "fragile")
    launches: int = 2
    settings: tuple[int, ...] = (1,)


class WarmServer(ForkServer):
    """The fork server itself, but forked from a process that has imported everything."""

    def _start_process(self, control: socket.socket, output: IO[bytes]) -> Process:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return _Child(pid)
        try:
            os.setsid()
            bind_to_parent(parent)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            # Those of the parent's descriptors that an interpreter of its own would not have.
            for number in _sockets_but(control.fileno()):
                os.close(number)
            serve(resolve(self._entry), control, self._memory)
        finally:
            os._exit(1)


def _sockets_but(kept: int) -> list[int]:
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if path.name != str(kept) and str(path.readlink()).startswith("socket:"):
                found.append(int(path.name))
    return found


class _Child:
    """A process that was forked from this one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int | None:
        deadline = time.monotonic() + timeout
        while self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                return None
            else:
                time.sleep(0.001)
        return self.returncode


def make_fast() -> None:
    """Measure as briefly as it can be done: what is in a block is not looked at.

    A block keeps the calls that it has at the least. What is checked by the shortest of several
    would otherwise hang on a single one, which the machine may hold up.
    """
    schedules.BLOCK_SECONDS = 0.0
    launches.REPEATS = 0
    warmups.MOST_BLOCKS = 3
    timing._LONG_CALL_NS = 0
    runner_worker._thread_pools = lambda: ()


def sweep(order: Order, entry: Entry, folder: Path, deadlines: Deadlines) -> Report:
    """Measure what an order says, or what is open of it, and tell of each launch that is begun."""
    schedule = Schedule(pilot=order.launches, launches=order.launches, rounds=1, seed=3)
    brief, several = PLAN.of(schedule, small_pictures(folder)), order.settings[1:]
    config = msgspec.structs.replace(
        brief.config,
        threads=order.settings[-1],
        batches=order.settings if several else (),
        thread_counts=order.settings if several else (),
    )
    plan = msgspec.structs.replace(brief, config=config, deadlines=deadlines)
    workloads = [
        Workload(msgspec.structs.replace(BACKBONE, model=name), {"fp32": entry})
        for name in order.backbones
    ]
    path = Path(order.report)
    measure = go_on if journal_path(path).exists() else run
    with contextlib.ExitStack() as stack:
        targets = tuple(target(kind) for kind in order.targets)
        servers = {
            each.backend.label: stack.enter_context(WarmServer(each.backend.entry))
            for each in targets
        }
        told = stack.enter_context(Path(order.pipe).open("w", encoding="utf-8"))

        def tell(backbone: Backbone, launch: int, _planned: int) -> None:
            told.write(f"{backbone.model} {launch}\n")
            told.flush()

        report = measure(plan, OpenTargets(targets, dict(servers)), workloads, path, tell)
        told.write("done\n")
        return report


def _obey(order: Order, entry: Entry, folder: Path) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        # Held until this process ends, and by every process that comes from it.
        pipe = os.open(order.pipe, os.O_WRONLY)
        handle_signals()
        try:
            sweep(order, entry, folder, Deadlines(loading=60.0, floor=60.0, cap=60.0))
        except KeyboardInterrupt:
            os.write(pipe, b"ended by 2\n")
        except Terminated as signalled:
            os.write(pipe, b"ended by %d\n" % signalled.number)
    except BaseException:  # noqa: BLE001 - a forked process must not go on as its parent
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(0)


def main(folder: Path) -> None:
    """Fork a sweep for each line."""
    (folder / "entry").mkdir()
    entry = entry_in(folder / "entry")
    make_fast()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=Order)
        pid = os.fork()
        if pid == 0:
            _obey(order, entry, folder)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

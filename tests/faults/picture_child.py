"""Decodes mutated pictures in a process of its own, so that a crash of a decoder is seen.

``python -m tests.faults.picture_child FIRST BEYOND FOLDER``: one input for each seed. A line on
stdout for each, with its seed and what came of it; what has no line when the process ends is what
ended it. Memory and time are limited: a picture of a few kilobytes needs little of either.
"""

import faulthandler
import json
import resource
import sys
from pathlib import Path
from random import Random

from simx.common.errors import InputError
from simx.images.decoding import decode
from tests.faults.deadline import DeadlineError, deadline
from tests.faults.mutations import mutated_bytes
from tests.faults.pictures import samples, with_checksums

MEMORY_BYTES = 2**30
"""Address space beyond what the interpreter and its libraries have."""

SECONDS = 10.0


def mutated_picture(seed: int, made: dict[str, bytes]) -> tuple[str, bytes]:
    """Return the name of the sample that a seed damages, and the damaged picture."""
    names = sorted(made)
    name, random = names[seed % len(names)], Random(f"picture {seed}")
    data = mutated_bytes(made[name], random)
    # A checksum that does not fit would keep every damage to a PNG from its decoder.
    return name, with_checksums(data) if name.startswith("PNG") and random.randrange(2) else data


def outcome(path: Path) -> str:
    """Return ``accepted``, ``refused``, or what should not have happened to a picture."""
    try:
        with deadline(SECONDS):
            picture = decode(path)
    except InputError as error:
        return _refusal(path, str(error))
    except (Exception, DeadlineError) as error:  # noqa: BLE001 - whatever it is, it is found
        return f"{type(error).__name__}: {error}"
    return "accepted" if picture.mode == "RGB" and not picture.info else "not as it should be"


def _refusal(path: Path, message: str) -> str:
    is_one_line = message.startswith(f"picture {path}") and message.isprintable()
    if not is_one_line or "; " not in message:
        return f"not one line: {message!r}"
    return "refused" if "MemoryError" not in message else message


def main(first: int, beyond: int, folder: Path) -> None:
    """Try one input after the other."""
    made = samples()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    path = folder / f"picture-{first}"
    for seed in range(first, beyond):
        # A signal waits for a decoder to return; this does not, and ends the process. It goes by
        # the clock, so it allows for a busy machine.
        faulthandler.dump_traceback_later(20 * SECONDS, exit=True)
        name, data = mutated_picture(seed, made)
        path.write_bytes(data)
        line = {"seed": seed, "sample": name, "outcome": outcome(path)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

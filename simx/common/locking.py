"""Whether a file that is open is this process's alone.

The system gives a lock up when its process ends, however it ends. The lock is on the file itself:
libraries that lock a file beside it would leave that one behind.
"""

import os
import sys

if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock a file, and say whether nobody else has."""
        try:
            # Far behind what the file holds: a locked byte cannot be read by anybody else.
            os.lseek(descriptor, 2**62, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

    def try_share(_descriptor: int) -> bool:
        """Windows removes no file that is open, and needs no lock for that."""
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock a file, and say whether nobody else has; file systems without locks have none."""
        return _flock(descriptor, fcntl.LOCK_EX)

    def try_share(descriptor: int) -> bool:
        """Lock a file together with others, and say whether nobody has it alone."""
        return _flock(descriptor, fcntl.LOCK_SH)

    def _flock(descriptor: int, kind: int) -> bool:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

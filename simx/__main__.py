"""``python -m simx`` is the same as ``simx``."""

import sys

if __name__ == "__main__":
    # Python searches the current folder first, where a file could take the place of a library.
    if not sys.flags.safe_path:
        del sys.path[0]
    from simx.cli import main

    main()

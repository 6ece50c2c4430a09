"""``python -m simx`` is the same as ``simx``."""

from simx.cli import main

if __name__ == "__main__":
    main()

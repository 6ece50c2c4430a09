"""What the harness costs: an empty backend in the timed loop against a bare loop."""

from simx.selfcheck.overhead import measure_overhead

REPEATS = 5


def main() -> None:
    """Print the overhead of a call, several times."""
    for _ in range(REPEATS):
        found = measure_overhead()
        print(
            f"{found.batched_ns:6.0f} ns a call where several share an entry, "
            f"{found.single_ns:6.0f} ns where each has its own, {found.share:.1e} of a 10 ms call"
        )


if __name__ == "__main__":
    main()

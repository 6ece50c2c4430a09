"""What precision a report reached, backbone by backbone, and in which time.

simx bench --gflops 0 --budget 40s -o report.json
python benchmarks/precision.py report.json
"""

import argparse
from pathlib import Path

from simx.models.ranges import DEFAULT_RANGES
from simx.results.files.report import read
from simx.results.summaries.derivation import by_range
from simx.results.summaries.summary import BackboneSummary

WANTED = 0.015
SECONDS = 40.0


def main() -> None:
    """Print a line for each backbone, and how many reached the default's half-width in time."""
    parser = argparse.ArgumentParser(description="What precision a report reached.")
    parser.add_argument("report", type=Path)
    ranges = by_range(read(parser.parse_args().report), DEFAULT_RANGES)
    backbones = [backbone for each in ranges for backbone in each.backbones]
    reached = sum(map(show, backbones))
    print(
        f"{reached} of {len(backbones)} ({100 * reached / len(backbones):.0f} %) reach "
        f"{100 * WANTED:g} % within {SECONDS:.0f} s"
    )


def show(backbone: BackboneSummary) -> bool:
    """Print what one backbone reached, and return whether that is enough."""
    widths = [cell.speed.half_width for cell in backbone.measured if cell.speed]
    width = max((width for width in widths if width is not None), default=None)
    stop = backbone.stop
    if stop is None or width is None:
        print(f"{backbone.model:20} no interval")
        return False
    enough = width <= WANTED and stop.seconds <= SECONDS
    print(
        f"{backbone.model:20} half-width {100 * width:5.2f} % in {stop.seconds:5.1f} s, "
        f"{stop.launches:2d} launches of {stop.needed} needed ({stop.ended_by}), "
        f"{backbone.excluded:2d} of {backbone.rounds:2d} rounds excluded"
        f"{', too noisy' if backbone.noisy else ''}{'' if enough else '  <-- not enough'}"
    )
    return enough


if __name__ == "__main__":
    main()

"""What fp16 and int8 cost in parity and margin, and save in size, of twelve backbones.

Prints a table: each one's agreement with torch in fp32, whether that is within the precision's
bound, the margin of the bundled pictures beside fp32's, and the size of the export. Weights are
random, but for SqueezeNet's, which are trained: its margin is the only one that says something
about the pictures.

    python benchmarks/precisions.py [--store DIR] [MODEL...]
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

ONE_OF_EACH_LARGE_FAMILY = Path(__file__).with_name("families.txt").read_text().split()
TRAINED = ("squeezenet1_1", Path(__file__).parents[1] / "tests/data/squeezenet1_1.safetensors")
PRECISIONS = ("fp32", "fp16", "int8")


class Record(msgspec.Struct, frozen=True):
    """Of ``simx export --format json``, what is printed here."""

    model: str
    precision: str
    status: str
    weights_origin: str | None
    parity_cosine: float | None
    parity_relative_l2: float | None
    margin: float | None
    fp32_margin: float | None
    bytes: int | None
    stage: str | None


def main(names: Sequence[str], store: Path) -> None:
    """Export all of them, and print a row for each."""
    print("| model | weights | precision | bound | cosine | L2 error | margin | fp32's | MB |")
    print("|---|---|---|---|---:|---:|---:|---:|---:|")
    records = [*exported(names, "random", store), *exported(TRAINED[:1], str(TRAINED[1]), store)]
    for record in records:
        print(f"| {' | '.join(row(record))} |")
    for precision in PRECISIONS:
        of = [record for record in records if record.precision == precision]
        met = sum(record.status != "failed" for record in of)
        print(f"{precision}: {met} of {len(of)} within their bound")


def exported(names: Sequence[str], weights: str, store: Path) -> list[Record]:
    """Export into a store and return what came of it; those that miss their bound are among it."""
    asked = [part for precision in PRECISIONS for part in ("--precision", precision)]
    command = [sys.executable, "-m", "simx", "export", *names, *asked, "--weights", weights]
    ran = subprocess.run(
        [*command, "--store", str(store), "--format", "json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    try:
        return msgspec.json.decode(ran.stdout, type=list[Record])
    except msgspec.DecodeError:
        sys.exit(f"simx export ended with exit code {ran.returncode}")


def row(record: Record) -> Iterator[str]:
    """Yield what stands in a record's row."""
    missed = "missed" if record.stage == "verification" else f"failed at {record.stage}"
    yield record.model
    yield record.weights_origin or "-"
    yield record.precision
    yield missed if record.status == "failed" else "met"
    yield "-" if record.parity_cosine is None else f"{record.parity_cosine:.6f}"
    yield "-" if record.parity_relative_l2 is None else f"{record.parity_relative_l2:.1e}"
    yield from (
        "-" if points is None else f"{points:.2f}" for points in (record.margin, record.fp32_margin)
    )
    yield "-" if record.bytes is None else f"{record.bytes / 1e6:.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What other precisions cost and save.")
    parser.add_argument("models", nargs="*", default=ONE_OF_EACH_LARGE_FAMILY)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        main(arguments.models, arguments.store or Path(folder))

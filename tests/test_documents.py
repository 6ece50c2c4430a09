"""The documents say what is so: commands, options, exit codes, links and constants."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from simx import __version__
from simx.cli import COMMANDS, cli
from simx.cli.configuration import SETTINGS
from simx.common.errors import ExitCode
from simx.exporter.store.manifest import MANIFEST
from simx.exporter.verification.reference import REFERENCE
from simx.exporter.weights.request import WEIGHTS
from simx.images.files import PICTURE
from simx.images.limits import MAX_ASPECT_RATIO, MAX_PIXELS, MAX_SCANS
from simx.models.catalogue import load
from simx.models.selection import Selection, select
from simx.results.files.bounds import LARGEST_REAL, LONGEST_TEXT
from simx.results.files.journal import JOURNAL
from simx.results.files.report import REPORT, write
from simx.results.statistics.parity import FP32
from simx.results.statistics.percentiles import samples_needed
from simx.results.summaries.findings import ALMOST_POINTS, DIFFERENCE_POINTS, HIGH_PERCENT
from simx.runner.backends.providers import provider_named
from simx.runner.backends.registry import backend_named
from simx.runner.bench.schedule import PROFILES
from tests.results.builders import identity, measured, report
from tests.test_architecture import ROOMS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
METHODOLOGY = ROOT / "METHODOLOGY.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
CHANGELOG = ROOT / "CHANGELOG.md"
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
DOCUMENTS = (
    README,
    METHODOLOGY,
    CONTRIBUTING,
    CHANGELOG,
    RESULTS,
    ROOT / "SECURITY.md",
    ROOT / "tests/data/README.md",
    ROOT / "examples/README.md",
)
SCRIPT = ROOT / "scripts" / "make_readme.py"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code(path: Path, language: str) -> list[str]:
    """Return a document's code blocks of one language."""
    return [body for found, body in _FENCE.findall(text_of(path)) if found == language]


def prose(path: Path) -> str:
    return _FENCE.sub("", text_of(path))


def examples() -> Iterator[tuple[str, ...]]:
    """Yield the arguments of every ``simx`` line in a shell block that has any."""
    for path in (README, METHODOLOGY):
        for line in "".join(code(path, "sh")).splitlines():
            words = shlex.split(line, comments=True)
            while words and "=" in words[0]:
                words = words[1:]
            ends = [place for place, word in enumerate(words) if word in {"|", ">"}]
            words = words[: min(ends, default=len(words))]
            if words[:1] == ["simx"] and words[1:]:
                yield tuple(words[1:])


EXAMPLES = sorted(set(examples()))


def parsed(arguments: tuple[str, ...]) -> click.Context:
    """Parse the arguments of a command as click does before running it."""
    name, *rest = arguments
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"there is no command {name}"
    return command.make_context(name, rest)


def options_of(command_name: str) -> list[click.Option]:
    command = cli.get_command(click.Context(cli), command_name)
    assert command is not None
    return [option for option in command.params if isinstance(option, click.Option)]


@pytest.mark.parametrize("arguments", EXAMPLES, ids=" ".join)
def test_every_example_is_understood(arguments: tuple[str, ...]) -> None:
    """The options of an example exist and take the values given, and its names are backbones."""
    given = parsed(arguments).params
    select(Selection(names=given.get("select", ())), load())
    for provider in given.get("provider", ()):
        provider_named(provider)

    chosen = [backend_named(backend) for backend in given.get("backend", ())]

    assert [backend.label for backend in chosen] == list(given.get("backend", ()))


def test_every_command_has_an_example() -> None:
    """A command that is not shown is a command that nobody finds."""
    assert {arguments[0] for arguments in EXAMPLES} >= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section(command: str) -> None:
    """The README explains every command under a heading of its own."""
    assert re.search(rf"^### simx {command}: ", text_of(README), re.MULTILINE)


def test_the_exit_codes_are_those_of_the_code() -> None:
    """The README's table lists every exit code, and no other."""
    rows = re.findall(r"^\| (\d+) \|", text_of(README), re.MULTILINE)

    assert [int(row) for row in rows] == [code.value for code in ExitCode]


def test_the_settings_of_the_example_exist() -> None:
    """Every key of the README's simx.toml is an option, of the command in whose table it stands."""
    (block,) = code(README, "toml")
    settings = tomllib.loads(block)
    names = {command: {option.name for option in options_of(command)} for command in COMMANDS}
    everywhere = set.union(*names.values())
    shared = {key for key, value in settings.items() if not isinstance(value, dict)}
    tables = {key: set(value) for key, value in settings.items() if isinstance(value, dict)}

    assert shared <= everywhere
    assert all(keys <= names[command] for command, keys in tables.items())


def test_entries_are_called_as_their_options() -> None:
    """A variable or an entry has its option's name, so that nobody has to look another one up."""
    renamed = {
        f"{command}: {flag} is {option.name}"
        for command in COMMANDS
        for option in options_of(command)
        for flag in option.opts
        if flag.startswith("--") and flag.removeprefix("--").replace("-", "_") != option.name
    }

    assert renamed == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """Links into the repository name files that are there, and headings that they have."""
    broken = []
    for link in _LINK.findall(prose(path)):
        address, _, anchor = link.partition("#")
        target = (path.parent / address).resolve() if address else path
        if "://" in address:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def anchors(path: Path) -> set[str]:
    """Return the anchors a page shows for a document's headings."""
    headings = (heading.lower() for heading in _HEADING.findall(prose(path)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def test_files_named_in_the_documents_exist() -> None:
    """A path in backticks is there, from the repository's root or from the package."""
    pattern = re.compile(r"`([a-z]+/[\w/]+\.(?:py|json|md))`")
    missing = [
        f"{path.name}: {name}"
        for path in DOCUMENTS
        for name in pattern.findall(prose(path))
        if "NAME" not in name and not ((ROOT / name).exists() or (ROOT / "simx" / name).exists())
    ]

    assert missing == []


def test_the_changelog_names_the_version() -> None:
    """Whoever looks for the current version's changes finds them."""
    assert re.search(rf"\b{re.escape(__version__)}\b", text_of(CHANGELOG))


def test_the_counts_are_those_of_the_catalogue() -> None:
    """The README counts architectures, sets of weights and what `make bench` measures rightly."""
    backbones = load()
    usual = [backbone for backbone in backbones if backbone.default]
    stated = " ".join(text_of(README).split())

    assert f"({len(usual)} architectures, {len(backbones)} sets of weights)" in stated
    assert f"the {sum(each.gflops < 1 for each in usual)} backbones below 1 GFLOPS" in stated


def test_every_room_is_described() -> None:
    """The rooms whose arrows are tested are the rooms contributors are told of."""
    listed = re.findall(r"^\| `(\w+)(?:\.py)?` \|", text_of(CONTRIBUTING), re.MULTILINE)

    assert listed == list(ROOMS)


def test_the_profiles_are_those_of_the_code() -> None:
    """METHODOLOGY's table of profiles has the schedule's own numbers."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \| ([^|]+) \| ([^|]+) \|$",
        text_of(METHODOLOGY),
        re.MULTILINE,
    )
    expected = [
        (
            name,
            str(usual.pilot),
            str(usual.launches),
            str(usual.rounds),
            "none" if usual.half_width is None else f"{100 * usual.half_width:g} %",
            "none" if usual.budget_seconds is None else f"{usual.budget_seconds:g} s",
        )
        for name, usual in PROFILES.items()
    ]

    assert rows == expected


def test_the_bounds_are_those_of_the_code() -> None:
    """METHODOLOGY states the bounds of parity and what percentiles need, as the code has them."""
    stated = " ".join(text_of(METHODOLOGY).split())
    mantissa, _, exponent = f"{FP32.relative_l2:.0e}".partition("e")
    needed = [samples_needed(share) for share in (0.90, 0.95, 0.99)]

    assert f"a cosine of at least {FP32.cosine}" in stated
    assert f"relative L2 error of at most {mantissa}e{int(exponent)}" in stated
    assert f"{needed[0]} for p90, {needed[1]} for p95 and {needed[2]} for p99" in stated


def test_the_limits_of_files_are_those_of_the_code() -> None:
    """README's table of what is accepted has the code's own numbers."""
    section = text_of(README).split("## What is read, and what is refused")[1].split("\n## ")[0]
    rows = {row.split("|")[1].strip(): row for row in section.splitlines() if row.startswith("| ")}
    mebibytes = {
        "picture": PICTURE.most_bytes,
        "report, journal": REPORT.most_bytes,
        "manifest in the store": MANIFEST.most_bytes,
        "verification reference": REFERENCE.most_bytes,
        "`simx.toml`, `pyproject.toml`": SETTINGS.most_bytes,
    }

    for kind, count in mebibytes.items():
        assert f"{count // 2**20} MiB" in rows[kind]
    assert REPORT.most_bytes == JOURNAL.most_bytes
    assert f"{WEIGHTS.most_bytes // 2**30} GiB" in rows["weights"]
    assert f"{MAX_PIXELS:,} pixels, {MAX_ASPECT_RATIO}:1, a JPEG of {MAX_SCANS}" in rows["picture"]
    assert f"up to {LARGEST_REAL:.0e}".replace("+", "") in rows["report, journal"]
    assert f"texts of {LONGEST_TEXT:,} characters" in rows["report, journal"]


def two_cells(path: Path) -> Path:
    """Write a report of one backbone on two backends."""
    cells = (
        measured(identity(backend="torch"), milliseconds=50),
        measured(identity(backend="ort"), milliseconds=40),
    )
    write(path, report(*cells))
    return path


def test_the_derivation_by_hand_works(tmp_path: Path) -> None:
    """METHODOLOGY's Python runs on a report as it stands, and prints what the tables show."""
    two_cells(tmp_path / "report.json")
    (block,) = code(METHODOLOGY, "python")
    ran = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["torch", "ort", "ratio"]
    assert "value=1.25" in ran.stdout


def make_readme(folder: Path, **variables: str) -> tuple[str, str]:
    """Run the script on a copy of the README; return the copy and the picture."""
    readme, picture = folder / "README.md", folder / "docs" / "terminal.svg"
    if not readme.exists():
        readme.write_text(text_of(README), encoding="utf-8")
    subprocess.run(
        [sys.executable, SCRIPT, folder / "report.json", "--readme", readme, "--picture", picture],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        check=True,
    )
    return text_of(readme), text_of(picture)


def test_the_readme_is_made_the_same_twice(tmp_path: Path) -> None:
    """Made again on any terminal, the same report gives the same bytes, between marks alone."""
    two_cells(tmp_path / "report.json")
    first = make_readme(tmp_path)
    second = make_readme(tmp_path, NO_COLOR="1", TERM="dumb", COLUMNS="60")
    marked = re.compile(r"<!-- (picture|tables) -->.*?<!-- /\1 -->", re.DOTALL)

    assert second == first
    assert marked.sub("", first[0]) == marked.sub("", text_of(README))
    assert "](docs/terminal.svg)" in first[0]
    assert "resnet18:V1 | ort cpu" in first[0]


def test_the_picture_stands_alone(tmp_path: Path) -> None:
    """The picture shows the report's table and asks no server for anything."""
    two_cells(tmp_path / "report.json")
    _, picture = make_readme(tmp_path)

    assert "resnet18" in picture
    assert "url(&quot;http" not in picture
    assert 'url("http' not in picture


def test_a_readme_without_its_marks_is_left_alone(tmp_path: Path) -> None:
    """The script refuses, in one line, a file that does not say where the tables go."""
    two_cells(tmp_path / "report.json")
    readme = tmp_path / "README.md"
    readme.write_text("# nothing marked\n", encoding="utf-8")
    ran = subprocess.run(
        [
            *(sys.executable, SCRIPT, tmp_path / "report.json"),
            *("--readme", readme, "--picture", tmp_path / "terminal.svg"),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert ran.stderr.startswith("make_readme: the README needs <!-- picture -->")
    assert readme.read_text(encoding="utf-8") == "# nothing marked\n"


def test_every_benchmark_is_run_and_has_its_results() -> None:
    """What is in benchmarks/ is run by `make benchmark`, and what came of it is written down."""
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")}
    makefile = text_of(ROOT / "Makefile")
    listed = re.findall(r"^BENCHMARKS := (.*)$", makefile, re.MULTILINE)[0].split()

    of_reports = {"precision", "run_to_run", "diff_speed"}
    assert {*listed, *of_reports} == scripts
    assert all(f"benchmarks/{name}.py" in makefile for name in of_reports)
    assert all(f"benchmarks/{name}.py" in text_of(RESULTS) for name in scripts)


def test_the_bounds_of_findings_are_those_of_the_code() -> None:
    """METHODOLOGY says what is high, what almost is, and how far similarities may be apart."""
    stated = " ".join(text_of(METHODOLOGY).split())

    assert f"A positive of {HIGH_PERCENT:g} % and more is high" in stated
    assert f"within {ALMOST_POINTS:g} points below that almost is" in stated
    assert f"more than {DIFFERENCE_POINTS:g} points apart" in stated

"""The documents say what is true: commands, options, exit codes, links and constants."""

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import click
import msgspec
import pytest

import simx
from simx.cli import COMMANDS, cli
from simx.cli.configuration import SETTINGS
from simx.common.bounded import LARGEST_REAL, LONGEST_TEXT
from simx.common.errors import ExitCode
from simx.exporter.store.manifest import MANIFEST
from simx.exporter.verification.reference import REFERENCE
from simx.exporter.weights.request import WEIGHTS
from simx.images.files import MAX_ASPECT_RATIO, MAX_PIXELS, MAX_SCANS, PICTURE
from simx.models.backend_name import BackendName
from simx.models.catalogue import load, of_torchvision
from simx.models.selection import Selection, select
from simx.report.contents import tuning_content
from simx.report.formats.csv import HEADER
from simx.results.files.journal_decoding import JOURNAL
from simx.results.files.report import REPORT
from simx.results.statistics.parity import FP16, FP32, INT8
from simx.results.statistics.percentiles import samples_needed
from simx.results.summaries.findings import ALMOST_POINTS, DIFFERENCE_POINTS, HIGH_PERCENT
from simx.runner.backends.interpreters import LEAST
from simx.runner.backends.providers import provider_named
from simx.runner.backends.registry import BACKENDS, backend_named
from simx.runner.bench.schedule import PROFILES
from tests.documents.pages import (
    CHANGELOG,
    CONTRIBUTING,
    DOCS,
    DOCUMENTS,
    README,
    RESULTS,
    ROOT,
    WRITTEN,
    anchors,
    blocks,
    examples,
    links,
    name_of,
    prose,
    text_of,
    words_of,
)
from tests.results.tunings import TUNING
from tests.test_architecture import ROOMS

CORRECTNESS = DOCS / "methodology" / "correctness.md"
MEASUREMENT = DOCS / "methodology" / "measurement.md"
STATISTICS = DOCS / "methodology" / "statistics.md"

EXAMPLES = sorted(set(examples()))

LONGEST_README = 150
"""Lines."""

LONGEST_PAGE = 2000
"""Words that are read in ten minutes."""


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
def test_every_example_is_understood(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options of an example exist and take the values given, and its names are backbones."""
    monkeypatch.chdir(tmp_path)
    # Not every package of an example is installed here.
    monkeypatch.setattr("simx.runner.backends.registry.find_spec", lambda name: name)
    (tmp_path / "tuned.json").write_text(tuning_content(TUNING).json())
    given = parsed(arguments).params
    select(Selection(names=given.get("select", ())), load())
    for provider in given.get("provider", ()):
        provider_named(provider)

    chosen = [BackendName.parse(backend) for backend in given.get("backend", ())]
    # No example's environment exists here.
    here = [msgspec.structs.replace(backend, environment="") for backend in chosen]

    assert [backend_named(str(each)).label for each in here] == [each.in_a_report for each in here]


def test_every_command_has_an_example() -> None:
    """Every command is shown in use."""
    assert {arguments[0] for arguments in EXAMPLES} >= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page(command: str) -> None:
    """A command has a page of its own, with its options, and the overview names it."""
    page = text_of(DOCS / "commands" / f"{command}.md")

    assert page.startswith(f"# simx {command}\n")
    assert f":module: simx.cli.{command}\n" in page
    assert f"[simx {command}]({command}.md)" in text_of(DOCS / "commands" / "index.md")


def test_the_readme_is_short() -> None:
    """The README can be read at one sitting."""
    assert len(text_of(README).splitlines()) <= LONGEST_README


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_no_page_is_long(page: Path) -> None:
    """A page of the documentation is read in ten minutes."""
    assert len(text_of(page).split()) <= LONGEST_PAGE


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_document_lists_what_is_missing(path: Path) -> None:
    """No document has a list of what does not exist yet: it would soon be wrong."""
    assert re.search(r"^#+ not yet", text_of(path), re.MULTILINE | re.IGNORECASE) is None


def test_the_exit_codes_are_those_of_the_code() -> None:
    """The table of exit codes lists every exit code, and no other."""
    rows = re.findall(r"^\| (\d+) \|", text_of(DOCS / "commands" / "index.md"), re.MULTILINE)

    assert [int(row) for row in rows] == [code.value for code in ExitCode]


def test_the_settings_of_the_example_exist() -> None:
    """Every key of the example of simx.toml is an option of the command in whose table it is."""
    (block,) = blocks(DOCS / "configuration.md", "toml")
    settings = tomllib.loads(block.body)
    names = {command: {option.name for option in options_of(command)} for command in COMMANDS}
    everywhere = set.union(*names.values())
    shared = {key for key, value in settings.items() if not isinstance(value, dict)}
    tables = {key: set(value) for key, value in settings.items() if isinstance(value, dict)}
    assert tables.pop("environments")

    assert shared <= everywhere
    assert all(keys <= names[command] for command, keys in tables.items())


def test_entries_are_called_as_their_options() -> None:
    """A variable or an entry has its option's name."""
    renamed = {
        f"{command}: {flag} is {option.name}"
        for command in COMMANDS
        for option in options_of(command)
        for flag in option.opts
        if flag.startswith("--") and flag.removeprefix("--").replace("-", "_") != option.name
    }

    assert renamed == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """Links into the repository name files that exist, and headings that they have."""
    broken = []
    for link in links(path):
        address, _, anchor = link.partition("#")
        target = (path.parent / address).resolve() if address else path
        if "://" in address:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_files_named_in_the_documents_exist() -> None:
    """A path in backticks exists, from the repository's root or from the package."""
    pattern = re.compile(r"`([a-z]+/[\w/]+\.(?:py|json|md))`")
    missing = [
        f"{name_of(path)}: {name}"
        for path in DOCUMENTS
        for name in pattern.findall(prose(path))
        if "NAME" not in name and not ((ROOT / name).exists() or (ROOT / "simx" / name).exists())
    ]

    assert missing == []


def test_the_changelog_names_the_version() -> None:
    """The changes of the current version can be found."""
    assert re.search(rf"\b{re.escape(simx.__version__)}\b", text_of(CHANGELOG))


def test_the_counts_are_those_of_the_catalogue() -> None:
    """The README counts architectures, sets of weights and what `make bench` measures rightly."""
    backbones = of_torchvision()
    usual = [backbone for backbone in backbones if backbone.default]
    stated = words_of(README)

    assert f"({len(usual)} architectures, {len(backbones)} sets of weights)" in stated
    assert f"the {sum(each.gflops < 1 for each in usual)} backbones below 1 GFLOPS" in stated


def test_every_room_is_described() -> None:
    """The rooms whose arrows are tested are the rooms that contributors read about."""
    listed = re.findall(r"^\| `(\w+)(?:\.py)?` \|", text_of(CONTRIBUTING), re.MULTILINE)

    assert listed == list(ROOMS)


def test_the_profiles_are_those_of_the_code() -> None:
    """The table of profiles has the schedule's own numbers."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \| ([^|]+) \| ([^|]+) \|$",
        text_of(MEASUREMENT),
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


def test_the_variants_are_those_of_the_code() -> None:
    """Both tables of variants list every variant of every backend, and no other."""
    settings = text_of(DOCS / "methodology" / "settings.md")
    usage = text_of(DOCS / "commands" / "bench.md").split("## Variants")[1].split("\n## ")[0]
    named = {f"{spec.name}:{each.name}" for spec in BACKENDS for each in spec.known_variants}

    assert set(re.findall(r"`((?:torch|ort|openvino):[a-z0-9-]+)`", settings)) == named
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", usage, re.MULTILINE)) == {
        name.partition(":")[2] for name in named
    }


def test_the_bounds_are_those_of_the_code() -> None:
    """The methodology states the bounds of parity and what percentiles need, as the code does."""
    stated = words_of(CORRECTNESS)
    mantissa, _, exponent = f"{FP32.relative_l2:.0e}".partition("e")
    needed = [samples_needed(share) for share in (0.90, 0.95, 0.99)]

    assert f"a cosine of at least {FP32.cosine}" in stated
    assert f"relative L2 error of at most {mantissa}e{int(exponent)}" in stated
    assert f"| fp16 | 2e-2 | {FP16.cosine} |" in stated
    assert FP16.relative_l2 == 2e-2
    assert f"| int8 | {INT8.relative_l2} | {INT8.cosine} |" in stated
    assert f"{needed[0]} for p90, {needed[1]} for p95 and {needed[2]} for p99" in words_of(
        STATISTICS
    )


def test_the_limits_of_files_are_those_of_the_code() -> None:
    """The table of what is accepted has the code's own numbers."""
    section = text_of(DOCS / "files.md").split("## What is read, and what is refused")[1]
    section = section.split("\n## ")[0]
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


def test_the_columns_of_the_csv_are_those_of_the_code() -> None:
    """The page about the format lists the CSV's columns in their order."""
    assert ", ".join(HEADER) in words_of(DOCS / "report-format.md")


def test_every_function_of_the_package_is_described() -> None:
    """The page for Python lists the functions that `import simx` offers, and no other."""
    listed = re.findall(r"^\| `simx\.(\w+)\(", text_of(DOCS / "python.md"), re.MULTILINE)

    assert {*listed, "__version__"} == set(simx.__all__)


def test_every_benchmark_is_run_and_has_its_results() -> None:
    """`make benchmark` runs every script in benchmarks/, and its result is written down."""
    shared = {"one_engine", "side_by_side"}
    scripts = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - shared
    makefile = text_of(ROOT / "Makefile")
    listed = re.findall(r"^BENCHMARKS := (.*)$", makefile, re.MULTILINE)[0].split()
    with_options = re.findall(r"python -m benchmarks\.(\w+)", makefile)

    assert {*listed, *with_options} == scripts
    assert all(re.search(rf"benchmarks[./]{name}\b", text_of(RESULTS)) for name in scripts)


def test_an_environment_without_torch_gets_what_the_tests_install() -> None:
    """The packages for an environment without PyTorch are those that `make test-providers` uses."""
    (packages,) = re.findall(r"^WITHOUT_TORCH := (.*)$", text_of(ROOT / "Makefile"), re.MULTILINE)

    assert f"pip install {packages}\n" in text_of(DOCS / "providers.md")


@pytest.mark.parametrize("path", [*WRITTEN, README, CONTRIBUTING], ids=name_of)
def test_the_targets_of_make_exist(path: Path) -> None:
    """What a document says to make is a target of the Makefile."""
    rules = re.findall(r"^([a-z][a-z -]*):", text_of(ROOT / "Makefile"), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text_of(path), re.MULTILINE)

    assert set(named) <= {target for rule in rules for target in rule.split()}


def test_the_bounds_of_findings_are_those_of_the_code() -> None:
    """The methodology says what is high, what almost is, and when similarities differ."""
    stated = words_of(STATISTICS)

    assert f"A positive of {HIGH_PERCENT:g} % and more is high" in stated
    assert f"within {ALMOST_POINTS:g} points below that almost is" in stated
    assert f"more than {DIFFERENCE_POINTS:g} points apart" in stated


def test_the_oldest_releases_are_the_code_s() -> None:
    """The table of another environment's packages has what is checked there."""
    text = text_of(DOCS / "providers.md")
    rows = dict(re.findall(r"^\| (\w+)\b[^|]*\| ([\d.]+) \|", text, re.MULTILINE))

    assert f">={rows.pop('Python')}" == metadata("simx-bench")["Requires-Python"]
    assert rows == LEAST

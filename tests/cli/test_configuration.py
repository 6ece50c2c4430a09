"""Defaults from variables and files: which wins, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from simx.cli.configuration import Default, read_defaults, with_path
from simx.common.errors import ExitCode, InputError
from tests.cli.support import Simx

ReadDefaults = Callable[[str], dict[str, Default]]


def _flag(folder: Path, monkeypatch: pytest.MonkeyPatch, store: str) -> tuple[str, ...]:
    del folder, monkeypatch
    return ("--store", store)


def _variable(folder: Path, monkeypatch: pytest.MonkeyPatch, store: str) -> tuple[str, ...]:
    del folder
    monkeypatch.setenv("SIMX_STORE", store)
    return ()


def _own_file(folder: Path, monkeypatch: pytest.MonkeyPatch, store: str) -> tuple[str, ...]:
    del monkeypatch
    (folder / "simx.toml").write_text(f'store = "{store}"\n')
    return ()


def _project_file(folder: Path, monkeypatch: pytest.MonkeyPatch, store: str) -> tuple[str, ...]:
    del monkeypatch
    (folder / "pyproject.toml").write_text(f'[tool.simx]\nstore = "{store}"\n')
    return ()


LAYERS = (_flag, _variable, _own_file, _project_file)
"""The strongest first."""


@pytest.mark.parametrize("strongest", range(len(LAYERS)))
def test_flag_over_variable_over_file_over_project(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch, strongest: int
) -> None:
    """Of all that is set, the strongest layer names the store; the weaker ones change nothing."""
    arguments: list[str] = []
    for place in range(strongest, len(LAYERS)):
        arguments += LAYERS[place](folder, monkeypatch, f"store_{place}")

    outcome = simx("bench", *arguments)

    assert outcome.code == ExitCode.USAGE
    assert f"store store_{strongest}:" in outcome.err


FORMATS = {"json": "[", "csv": "model,", "markdown": "| model"}
"""How each form of a list begins."""


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("place", ["flag", "variable", "entry", "table"])
def test_an_option_has_one_name_everywhere(
    simx: Simx, folder: Path, monkeypatch: pytest.MonkeyPatch, form: str, place: str
) -> None:
    """``--format`` is SIMX_MODELS_FORMAT as a variable and ``format`` in a file."""
    arguments = ["--format", form] if place == "flag" else []
    if place == "variable":
        monkeypatch.setenv("SIMX_MODELS_FORMAT", form)
    if place in {"entry", "table"}:
        heading = "[models]\n" if place == "table" else ""
        (folder / "simx.toml").write_text(f'{heading}format = "{form}"\n')

    outcome = simx("models", "resnet18", *arguments)

    assert outcome.out.startswith(FORMATS[form])


def test_values_of_a_repeatable_option_are_listed_in_a_variable(
    simx: Simx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed as several options is written with spaces in a variable."""
    monkeypatch.setenv("SIMX_MODELS_FAMILY", "vgg alexnet")

    outcome = simx("models", "--format", "csv")

    assert {line.split(",")[2] for line in outcome.out.splitlines()[1:]} == {"vgg", "alexnet"}


@click.command
@click.option("--threads", type=int)
@click.option("--store")
@click.option("--weights-mirror")
@click.option("--all", is_flag=True)
@click.option("--backend", multiple=True)
def _measure(**_options: object) -> None:
    """Stands in for a command."""


@click.command
@click.option("--store")
@click.option("--layout")
def _show(**_options: object) -> None:
    """Stands in for another."""


COMMANDS = {"measure": _measure, "show": _show}


@pytest.fixture
def read(folder: Path) -> ReadDefaults:
    """Return the defaults of ``measure`` from the text of a ``simx.toml``."""

    def read_text(text: str) -> dict[str, Default]:
        (folder / "simx.toml").write_text(text)
        return read_defaults("measure", ["show"], COMMANDS.__getitem__)

    return read_text


@pytest.mark.parametrize(
    ("text", "defaults"),
    [
        ("", {}),
        ("threads = 4", {"threads": "4"}),
        ('weights-mirror = "https://x"', {"weights_mirror": "https://x"}),
        ('weights_mirror = "https://x"', {"weights_mirror": "https://x"}),
        ("all = true", {"all": True}),
        ('backend = "ort"', {"backend": ["ort"]}),
        ('backend = ["ort", "torch"]', {"backend": ["ort", "torch"]}),
        ('layout = "origin"', {}),
        ('[show]\nlayout = "origin"', {}),
        ('store = "a"\n[measure]\nstore = "b"', {"store": "b"}),
        ('store = "a"\n[show]\nstore = "b"', {"store": "a"}),
    ],
)
def test_entries_become_what_would_have_been_typed(
    read: ReadDefaults, text: str, defaults: dict[str, Default]
) -> None:
    """An entry holds for whichever command has the option, a command's own before the others."""
    assert read(text) == defaults


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("store: x", "not TOML"),
        ("[mesure]", "there is no command [mesure]; the commands are measure, show"),
        ('stroe = "x"', "'stroe' is no option of any command; try store"),
        ('[measure]\nlayout = "origin"', "'layout' is no option of measure"),
        ("[measure]\nselect = 5", "'select' is no option of measure"),
        ("all = 1", "all takes true or false"),
        ('all = "yes"', "all takes true or false"),
        ("threads = true", "threads takes one line of text or a number"),
        ("threads = [4]", "threads takes one line of text or a number"),
        ("store = 2020-01-01", "store takes one line of text or a number"),
        (r'store = "a\u0000b"', "store takes one line of text or a number"),
        (r'store = "a\nb"', "store takes one line of text or a number"),
        (f"threads = 0x{'f' * 20}", "threads takes one line of text or a number"),
        (f"threads = {'9' * 5000}", "not TOML"),
        (f"threads = {'[' * 50_000}", "nested too deeply to be read"),
        ("backend = [true]", "backend takes one line of text or a number, or a list"),
    ],
)
def test_entries_that_mean_nothing_are_refused(read: ReadDefaults, text: str, named: str) -> None:
    """A misspelt or impossible entry is told with its file, and not passed over."""
    with pytest.raises(InputError) as refused:
        read(text)

    assert str(refused.value).startswith("simx.toml: ")
    assert named in str(refused.value)


def test_a_file_of_its_own_hides_the_projects(folder: Path, read: ReadDefaults) -> None:
    """The two files are not mixed."""
    (folder / "pyproject.toml").write_text("[tool.simx]\nthreads = 2\n")

    assert read('store = "a"') == {"store": "a"}


@pytest.mark.parametrize("text", ["", "[tool.other]\nx = 1\n", "[project]\nname = 'x'\n"])
def test_a_project_that_says_nothing_of_simx_sets_nothing(folder: Path, text: str) -> None:
    """Other people's projects are other people's."""
    (folder / "pyproject.toml").write_text(text)

    assert read_defaults("measure", ["show"], COMMANDS.__getitem__) == {}


@pytest.mark.parametrize("text", ["tool = 1", "[tool]\nsimx = 1"])
def test_a_project_whose_table_is_none_is_refused(folder: Path, text: str) -> None:
    """Settings that cannot be read are not passed over."""
    (folder / "pyproject.toml").write_text(text)

    with pytest.raises(InputError, match=r"^pyproject\.toml: tool\.simx is not a table"):
        read_defaults("measure", ["show"], COMMANDS.__getitem__)


def test_other_commands_are_left_unloaded_where_nothing_could_be_theirs(folder: Path) -> None:
    """A file with entries of this command alone costs no other command's libraries."""
    (folder / "simx.toml").write_text('store = "a"\n[show]\nlayout = "origin"\n')
    asked = []

    def command_named(name: str) -> click.Command:
        asked.append(name)
        return COMMANDS[name]

    read_defaults("measure", ["show"], command_named)

    assert set(asked) == {"measure"}


@pytest.mark.parametrize("file", ["simx.toml", "pyproject.toml"])
def test_a_named_environment_becomes_its_path(folder: Path, file: str) -> None:
    """A backend's environment may be a name of the settings; variants and label stay."""
    heading = "environments" if file == "simx.toml" else "tool.simx.environments"
    (folder / file).write_text(f'[{heading}]\nvino = "envs/openvino"\n')

    assert with_path("new=ort@vino:spinning") == "new=ort@envs/openvino:spinning"
    assert read_defaults("measure", ["show"], COMMANDS.__getitem__) == {}


@pytest.mark.parametrize("backend", ["ort", "ort@./vino", "ort@vino/", "ort@here"])
def test_a_path_is_no_name(folder: Path, backend: str) -> None:
    """With a slash, or where no environment has the name, a backend's environment is a path."""
    (folder / "simx.toml").write_text('[environments]\nvino = "envs/openvino"\n')
    (folder / "here").mkdir()

    assert with_path(backend) == backend


def test_an_unknown_environment_is_refused_with_the_names(simx: Simx, folder: Path) -> None:
    """The line lists what could have been meant."""
    (folder / "simx.toml").write_text('[environments]\nnew = "a"\nvino = "b"\n')

    outcome = simx("bench", "resnet18", "--backend", "ort@vimo")

    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    (line,) = outcome.messages
    assert "there is no environment vimo" in line
    assert "(new, vino)" in line


@pytest.mark.parametrize("text", ["environments = 1", "[environments]\nvino = 1"])
def test_environments_that_are_no_paths_are_refused(folder: Path, text: str) -> None:
    """Each entry is a name with a path."""
    (folder / "simx.toml").write_text(text)

    with pytest.raises(InputError, match=r"^simx\.toml: .*environment"):
        with_path("ort@vino")


def test_a_file_that_is_wrong_is_one_line_of_the_command(simx: Simx, folder: Path) -> None:
    """The command line tells it as it tells every other wrong input."""
    (folder / "simx.toml").write_text("[bench\n")

    outcome = simx("models")

    assert (outcome.code, outcome.out) == (ExitCode.USAGE, "")
    assert outcome.err.startswith("simx: simx.toml: is not TOML")
    assert len(outcome.err.splitlines()) == 1

"""``simx doctor``: tests what this machine and its installation can do."""

from pathlib import Path

import click

from simx.cli import options
from simx.cli.configuration import complete_backend, with_path
from simx.cli.output import force_option, output_option, require_output, show, tell_variables
from simx.common.errors import ExitCode
from simx.report.content import Form

_HELP = """
Run a tiny graph on every provider of every backend. Report what fails, and why.

The exit code is 4 if a named provider or backend cannot be used, and 3 if the installation is
broken.
"""


@click.command("doctor", help=_HELP)
@click.option(
    "--backend",
    multiple=True,
    shell_complete=complete_backend,
    metavar="NAME[@ENVIRONMENT]",
    help="Test this backend alone, also one in another environment. Repeatable.",
)
@click.option(
    "--provider",
    multiple=True,
    metavar="NAME",
    help="Also test this execution provider, such as cuda. Repeatable.",
)
@options.optional_store_option
@options.verdict_format_option
@output_option
@force_option
def command(
    backend: tuple[str, ...],
    provider: tuple[str, ...],
    store: str | None,
    format: Form,
    output: Path | None,
    force: bool,
) -> ExitCode:
    """Run ``simx doctor``."""
    # Heavy: numpy and the runner, which --help does not need.
    from simx.exporter.store.remote import opened_store  # noqa: PLC0415
    from simx.report.contents import diagnosis_content  # noqa: PLC0415
    from simx.runner.backends.providers import provider_named  # noqa: PLC0415
    from simx.runner.backends.registry import backend_named  # noqa: PLC0415
    from simx.runner.bench.targets import require_names  # noqa: PLC0415
    from simx.runner.doctor import diagnose  # noqa: PLC0415

    require_output(output, format, opened_store(store).folders if store else (), force=force)
    tell_variables()
    named = [provider_named(name) for name in provider]
    backends = [backend_named(with_path(name)) for name in backend]
    require_names(backends)
    found = diagnose(store, named, backends)
    show(diagnosis_content(found), format, output)
    usable = {each.provider for each in found.providers if each.usable}
    usable |= {each.backend for each in found.providers if each.usable}
    if not usable.issuperset([*named, *(each.label for each in backends)]):
        return ExitCode.PROVIDER_UNAVAILABLE
    return ExitCode.CELLS_FAILED if found.problems else ExitCode.DONE

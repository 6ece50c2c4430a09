"""Joins a latency report with an evaluation: which cells of the two are the same network. Pure."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from simx.common.errors import InputError
from simx.common.safe_text import clean
from simx.results.schema.evaluation import EvaluatedCell, Evaluation
from simx.results.schema.report import MeasuredCell, Report
from simx.results.summaries.summary import TargetId, target_of

Network = tuple[str, str, str, TargetId]
"""Model, weights, embedding and target. Neither batch nor threads decide what an embedding is."""


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation beside latency reports.

    ``cells`` are the evaluated ones that a report measured too. ``only_timed`` and
    ``only_evaluated`` have figures on one of the two sides only.
    """

    evaluation: Evaluation
    cells: Mapping[Network, EvaluatedCell]
    only_timed: tuple[MeasuredCell, ...]
    only_evaluated: tuple[EvaluatedCell, ...]


def join(reports: Sequence[Report], evaluation: Evaluation) -> Joined:
    """Return which cells of latency reports and evaluation are the same network, by their hashes.

    Raises:
        InputError: A name has other weights or another file in the evaluation, no cell is on both
            sides, or the reports are of different processors or measured the same network.
    """
    evaluated = defaultdict[Network, list[EvaluatedCell]](list)
    for cell in evaluation.cells:
        if isinstance(cell, EvaluatedCell):
            evaluated[network_of(cell)].append(cell)
    timed = [cell for report in reports for cell in report.cells if isinstance(cell, MeasuredCell)]
    _require_comparable(reports, timed)
    cells = {
        name: _same(cell, evaluated[name])
        for cell in timed
        if (name := network_of(cell)) in evaluated
    }
    if not cells:
        raise InputError(
            "the latencies and the evaluation have no measured network in common; measure the same "
            "backbones on the same backends, from the same store"
        )
    return Joined(
        evaluation=evaluation,
        cells=cells,
        only_timed=tuple(cell for cell in timed if network_of(cell) not in cells),
        only_evaluated=tuple(
            cell for name, found in evaluated.items() if name not in cells for cell in found
        ),
    )


def _require_comparable(reports: Sequence[Report], timed: Sequence[MeasuredCell]) -> None:
    cpus = {clean(report.environment.cpu) for report in reports if report.environment}
    if len(cpus) > 1:
        raise InputError(
            f"latencies of different processors do not compare ({', '.join(sorted(cpus))}); name "
            "the reports of one"
        )
    for (model, weights, _, target), count in Counter(map(network_of, timed)).items():
        if count > 1:
            name = clean(f"{model}:{weights} on {target.name}")
            raise InputError(f"{name}: is in two of the reports; name one of them")


def network_of(cell: MeasuredCell | EvaluatedCell) -> Network:
    """Return which network a cell is."""
    its = cell.identity
    return its.model, its.weights, its.embedding, target_of(its)


def _same(cell: MeasuredCell, evaluated: list[EvaluatedCell]) -> EvaluatedCell:
    """Return the evaluated cell of the same hashes."""
    for each in evaluated:
        of = (each.weights_sha256, each.artefact_sha256)
        if of == (cell.weights_sha256, cell.artefact_sha256):
            return each
    other, its = evaluated[0], cell.identity
    weights = other.weights_sha256 != cell.weights_sha256
    hashes = (
        (each.weights_sha256 if weights else each.artefact_sha256)[:12] for each in (cell, other)
    )
    raise InputError(
        clean(
            f"{its.model}:{its.weights} on {target_of(its).name}: the report and the evaluation "
            f"have different {'weights' if weights else 'files'} of this name (SHA-256 "
            f"{' and '.join(hashes)}); run simx bench and simx evaluate with the same weights "
            "from the same store"
        )
    )

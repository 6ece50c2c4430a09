"""Searches of settings on a cluster: each one whole on one node, which does nothing else."""

from contextlib import closing

import msgspec

from simx.cluster.connection import Lost, Node
from simx.cluster.measuring import SpreadSession
from simx.cluster.spreading import Spread
from simx.cluster.tasks import Measure, Measured
from simx.common.errors import InputError
from simx.models.backbone import Backbone
from simx.results.files.journal import Journal
from simx.results.files.journal_lines import FinishedSearch
from simx.results.schema.config import Aim
from simx.results.schema.tuning import TunedModel, Tuning
from simx.runner.bench.session import Measuring, Session, absolute
from simx.runner.tuning.code import tuning_of


def tune_on(session: Session, journal: Journal, measuring: Measuring) -> Tuning:
    """Do as ``tune_backbones``, on the nodes of one kind of a cluster.

    A search that has ended is in the journal; one whose node is lost begins again elsewhere.
    """
    assert isinstance(session, SpreadSession)  # noqa: S101 - ``prepared_on`` has prepared it
    if journal.kept.launches:
        raise InputError("--resume: the run was begun without --on; resume it without, too")
    aim, found = journal.kept.header.aim or Aim(), journal.kept.searched
    left = [each for each in session.backbones if (each.model, each.weights) not in found]
    session.prepare(left)

    def task_of(backbone: Backbone, _: Node) -> Measure:
        return Measure(backbone.name, session.config, absolute(session.inputs), aim)

    spread = Spread(
        session.nodes,
        left,
        task_of,
        lambda backbone: f"it searched settings of {backbone.name}",
        "finished searches are kept, go on with --resume",
        session.listener,
    )
    with measuring(left) as progress, closing(spread.answers()) as answers:
        for backbone, node, answer in answers:
            match answer:
                case Measured(FinishedSearch() as line):
                    journal.append(msgspec.structs.replace(line, node=node.id))
                    found[backbone.model, backbone.weights] = line.found
                case Measured(_, planned, done):
                    progress(backbone, done, planned)
                case Lost(reason):
                    found[backbone.model, backbone.weights] = TunedModel(
                        model=backbone.model, weights=backbone.weights, problem=reason
                    )
    models = [found[each.model, each.weights] for each in session.backbones]
    return tuning_of(journal.kept.header, models)

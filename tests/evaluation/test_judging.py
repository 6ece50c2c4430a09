"""The records of cells that were evaluated, or failed."""

import msgspec
import pytest

from simx.evaluation.judging import Candidate, judged
from simx.evaluation.relations import truth_of
from simx.models.backbone import ModelFile
from simx.results.schema.config import Setting
from simx.results.schema.report import Failure
from simx.runner.bench.cells import failed_cell, identify
from tests.evaluation.test_figures import pictures
from tests.results.evaluations import evaluation
from tests.runner.fakes import BACKBONE, target


@pytest.mark.parametrize(("single_picture", "batch"), [(True, 1), (False, 16)])
def test_a_failed_cell_has_the_batch_of_its_network(*, single_picture: bool, batch: int) -> None:
    """A file for single pictures has 1, whatever was asked for, as where it does not fail."""
    file = ModelFile(
        path="/a.onnx", sha256="a", layout="NCHW", single_picture=single_picture, is_counted=True
    )
    backbone = msgspec.structs.replace(BACKBONE, file=file)
    failure = failed_cell(
        backbone,
        identify(backbone, "pooled", target("right"), Setting(1, 1)),
        "right",
        "file",
        Failure(stage="prepare", reason="no reason"),
    )
    truth = truth_of(pictures(), "queries", 100, seed=0)
    (record,) = judged(
        [Candidate(failure, backbone, None)], [], truth, evaluation().config, lambda *_: None
    )

    assert record.identity.batch == batch

"""The evaluation report: how well embeddings find what belongs together in a user's pictures.

This is the published form of the file that ``simx evaluate`` writes. It has no path, and no name of
a user, a machine, a class or a picture: pictures are identified by their content.

History of the format:

1. First version.
"""

from typing import Annotated, Literal

from msgspec import Meta

from simx.common.bounded import Amount, Cosine, Count, Moment, Positive, PositiveAmount, Text
from simx.common.strict_json import Struct
from simx.models.backbone import EmbeddingKind, Precision
from simx.results.schema.config import OwnModel, WeightsKind
from simx.results.schema.environment import Environment
from simx.results.schema.report import Failure, Identity, Parity, WeightsOrigin

EVALUATION_NAME = "simx-evaluation"
EVALUATION_VERSION = 1

TruthKind = Literal["classes", "pairs", "triplets", "changes"]
"""What belongs together: pictures of the same sub-folder; the pairs or the triplets of a list; or,
in a folder without classes, a picture and its changed copies."""

Units = Literal["queries", "classes"]
"""What a bootstrap draws: single queries, or whole classes with all their pictures. A picture with
its changed copies is a class, and so are the lines of an anchor."""

Share = Annotated[float, Meta(ge=0, le=1)]

Difference = Annotated[float, Meta(ge=-2, le=2)]
"""Between two cosines, or two shares."""

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Bound = Literal["decode-bound", "network-bound"]

FigureName = Literal["map_at_r", "triplet_accuracy", "roc_auc"]


class EvaluationSchemaId(Struct, frozen=True, kw_only=True):
    """Name and version of the format."""

    name: Literal["simx-evaluation"] = "simx-evaluation"
    version: Annotated[int, Meta(ge=1, le=EVALUATION_VERSION)] = EVALUATION_VERSION


class EvaluationConfig(Struct, frozen=True, kw_only=True):
    """What decides the figures besides the pictures; the targets are named as in a latency report.

    ``batch`` is the number of pictures of one call. ``resamples`` is the number of draws of the
    bootstrap, and ``seed`` decides them, the folds, sampled pairs and the changes of pictures.
    """

    backbones: tuple[Text, ...]
    backends: tuple[Text, ...]
    providers: tuple[Text, ...]
    provider_options: tuple[Text, ...] = ()
    env: tuple[Text, ...] = ()
    allow_partial: bool = False
    embedding: EmbeddingKind
    precisions: tuple[Precision, ...]
    batch: Positive
    threads: Positive
    weights: tuple[WeightsKind, ...]
    units: Units
    resamples: Positive
    seed: Count = 0
    models: dict[Text, OwnModel] = {}  # noqa: RUF012 - msgspec copies it


class Unreadable(Struct, frozen=True, kw_only=True):
    """A picture that is in no figure. ``sha256`` is that of its file, None if it cannot be read."""

    sha256: Text | None
    reason: Text


class PicturesFacts(Struct, frozen=True, kw_only=True):
    """The pictures of an evaluation.

    ``pictures`` are the readable ones, ``embedded`` those with the changed copies, and ``classes``
    the groups of what belongs together (0 with a list). ``duplicates`` are files whose content an
    earlier one has. ``sha256`` is the hash of all hashes in their order. ``pairs`` is how many
    pairs the figures of separation have, of ``all_pairs``.
    """

    truth: TruthKind
    pictures: Count
    embedded: Count
    classes: Count
    duplicates: Count
    sha256: Text
    pairs: Count
    all_pairs: Count
    unreadable: tuple[Unreadable, ...] = ()


class Estimate(Struct, frozen=True, kw_only=True):
    """A figure with its 95 % bootstrap interval, None where it cannot be drawn."""

    value: Difference
    low: Difference | None = None
    high: Difference | None = None


class Retrieval(Struct, frozen=True, kw_only=True):
    """Figures of a search for each picture among all others, by the cosine.

    ``recall_at_1``, ``_5`` and ``_10`` are the shares of queries with a picture of their class
    among so many nearest. ``map_at_r`` is the mean average precision at R, the number of other
    pictures in the query's class (Musgrave et al., "A Metric Learning Reality Check", 2020,
    section 3.2). Queries that are alone in their class do not count.
    """

    queries: Positive
    recall_at_1: Estimate
    recall_at_5: Estimate
    recall_at_10: Estimate
    map_at_r: Estimate


class Distribution(Struct, frozen=True, kw_only=True):
    """The cosines of some pairs; ``quantiles`` are those of ``QUANTILES``, interpolated."""

    count: Positive
    mean: Cosine
    quantiles: tuple[Cosine, ...]


class Separation(Struct, frozen=True, kw_only=True):
    """How a threshold on the cosine separates pairs that belong together from others.

    ``equal_error_rate`` is where the ROC curve, with straight lines between its points, has as many
    false positives as false negatives. ``threshold`` has the best balanced accuracy, the mean of
    the shares of right positives and right negatives; a pair at it counts as positive.
    ``held_out_accuracy`` is that of each of ``folds`` at the threshold of all others, pooled over
    the folds; a fold has whole classes, or all lines of a list that have a picture in common, and
    None stands for too few folds. ``margin`` is the mean of the positive cosines minus that of the
    negative ones.
    """

    roc_auc: Estimate
    equal_error_rate: Estimate
    threshold: Cosine
    accuracy: Estimate
    held_out_accuracy: Estimate | None
    folds: Count
    positive: Distribution
    negative: Distribution
    margin: Estimate


class Throughput(Struct, frozen=True, kw_only=True):
    """Pictures that this run embedded, and at what speed; the rest was kept from earlier runs.

    ``decoded_per_second`` is the speed of all decoders together. ``bound`` is what the run waited
    for most.
    """

    embedded: Count
    reused: Count
    images_per_second: PositiveAmount | None = None
    decoded_per_second: PositiveAmount | None = None
    bound: Bound | None = None


class EvaluatedCell(Struct, frozen=True, kw_only=True, tag_field="status", tag="ok"):
    """A backbone on one target, whose embeddings were checked and whose figures count.

    ``neighbours_kept`` is the mean share of each picture's nearest ``neighbours`` by torch's fp32
    embedding that are among its nearest by this one; None without a torch cell in fp32 to compare
    with; a model of the user's own is compared with its first cell in fp32. ``behind`` is how far
    the report's ``ranked_by`` is below that of the best cell; its interval holds for all pairs of
    cells at once, and a cell whose ``low`` is not above 0 may be the best one. ``weights_file`` is
    the name of a weights file without its folder and suffix, with a number where two files of a
    backbone have the same one; None for other weights. ``search_seconds`` is the time of the exact
    search for each embedded picture among all of them, in float64 and on all threads; None in files
    that lack it.
    """

    identity: Identity
    weights_origin: WeightsOrigin
    weights_file: Text | None = None
    weights_sha256: Text
    artefact_sha256: Text
    embedding_dim: Positive
    parity: Parity
    placement: dict[Text, Count]
    retrieval: Retrieval | None
    triplet_accuracy: Estimate | None
    separation: Separation
    neighbours: Count
    neighbours_kept: Estimate | None
    behind: Estimate
    throughput: Throughput
    search_seconds: Amount | None = None


class FailedEvaluation(Failure, frozen=True, kw_only=True, tag_field="status", tag="failed"):
    """A cell without a figure, and the command that shows its failure again."""

    identity: Identity
    weights_origin: WeightsOrigin | None
    weights_file: Text | None = None
    command: Text = ""


class Evaluation(Struct, frozen=True, kw_only=True):
    """One evaluation file; ``simx`` is the version that wrote it, ``seconds`` the whole run's."""

    schema: EvaluationSchemaId
    created: Moment
    simx: Text
    environment: Environment
    config: EvaluationConfig
    pictures: PicturesFacts
    ranked_by: FigureName
    cells: tuple[EvaluatedCell | FailedEvaluation, ...]
    seconds: Amount
    notes: tuple[Text, ...] = ()

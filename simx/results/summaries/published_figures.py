"""Derives what the tables show of a quoted cell: what its source gives, and nothing more.

Pure; renders nothing.
"""

from simx.models.pictures import COMPARED_IMAGES, IMAGES, Image
from simx.results.schema.report import QuotedCell
from simx.results.schema.times import Scope
from simx.results.statistics.embedding_similarity import margin
from simx.results.statistics.estimates import Estimate
from simx.results.summaries.summary import Executor, ImageSummary, MeasuredSummary


def quoted_summary(cell: QuotedCell, executor: Executor) -> MeasuredSummary:
    """Return a quoted cell's figures; None is whatever takes raw times, or was not published."""
    return MeasuredSummary(
        executor=executor,
        decimals=cell.decimals,
        few_calls=False,
        weights_origin=cell.weights_origin,
        embedding_dim=cell.embedding_dim,
        images={image: _image(cell, image) for image in IMAGES},
        forward=_median(cell, "forward"),
        host=_median(cell, "host"),
        first=_median(cell, "first"),
        speed=None,
        speed_to_torch=None,
        speed_to_fp32=None,
        parity=None,
        margin=margin(cell.similarity),
        peak_share=None,
        memory=None,
        warmup_capped=0,
        beyond_events_ns=None,
        placement={},
        shape_nodes=0,
    )


def _image(cell: QuotedCell, image: Image) -> ImageSummary:
    return ImageSummary(
        pipeline=_median(cell, "pipeline", image),
        decode=_median(cell, "pipeline.decode", image),
        preprocess=_median(cell, "pipeline.preprocess", image),
        forward=_median(cell, "pipeline.forward", image),
        similarity_time=_median(cell, "similarity", image),
        similarity_host=_median(cell, "similarity.host", image),
        similarity_percent=getattr(cell.similarity, image) if image in COMPARED_IMAGES else None,
    )


def _median(cell: QuotedCell, scope: Scope, image: Image | None = None) -> Estimate | None:
    found = (median.ns for median in cell.medians if (median.scope, median.image) == (scope, image))
    return next((Estimate(median_ns=ns) for ns in found), None)

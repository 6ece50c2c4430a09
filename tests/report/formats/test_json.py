"""JSON: the report itself."""

import json

import msgspec

from simx.models.ranges import DEFAULT_RANGES
from simx.report.formats.registry import render
from simx.report.options import Options
from simx.results.files.report import encode
from simx.results.schema.report import Report
from tests.report.samples import rendered, two_backbones


def test_one_report_is_rendered_as_its_file() -> None:
    """The output can be read as a report again."""
    assert rendered(two_backbones(), "json").encode() == encode(two_backbones())


def test_several_reports_are_a_list() -> None:
    """In their order, and valid JSON."""
    options = Options(ranges=DEFAULT_RANGES, width=80)
    output = render([two_backbones(), two_backbones()], "json", options)

    assert msgspec.convert(json.loads(output), list[Report]) == [two_backbones()] * 2

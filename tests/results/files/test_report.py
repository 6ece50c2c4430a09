"""The report's file: what is written is read back, and what is no sound report is refused."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simx.common.errors import InputError
from simx.results.files import report as report_file
from simx.results.schema.report import FailedCell, Parity, Report, SchemaId
from tests.results.builders import failed, identity, measured, quoted, quoted_report, report

Document = dict[str, Any]


@pytest.fixture
def document() -> Document:
    loaded: Document = json.loads(report_file.encode(report(measured(), failed(identity("vgg11")))))
    return loaded


def refusal(path: Path, content: str | bytes) -> str:
    """Return the message with which a file of this content is refused."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as refused:
        report_file.read(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    return message.removeprefix(f"{path}: ")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """A report with a measured and a failed cell survives its file unchanged."""
    path = tmp_path / "report.json"
    original = report(measured(), failed(identity("vgg11")), notes=["näher"])

    report_file.write(path, original)

    assert report_file.read(path) == original


def test_a_quotation_is_read_back(tmp_path: Path) -> None:
    """Published medians survive their file without a run around them."""
    path = tmp_path / "report.json"
    original = quoted_report(quoted(), quoted(identity("vgg11"), gflops=7.61))

    report_file.write(path, original)

    assert report_file.read(path) == original


def test_a_block_shares_one_line() -> None:
    """Raw times do not take a line each, and everything above them does."""
    text = report_file.encode(report(measured())).decode()

    assert '        {"round":0,"calls":1,"ns":[49005000,49500000,50490000],"noise":{' in text
    assert '\n  "cpu": "Example CPU",\n' in text


def test_content_is_canonical() -> None:
    """Reading and writing again gives the same bytes."""
    original = report_file.encode(report(measured()))

    assert report_file.encode(msgspec.json.decode(original, type=Report)) == original


def test_nan_is_not_written() -> None:
    """A figure that JSON cannot hold is an error, not a null that no reader accepts."""
    broken = msgspec.structs.replace(measured(), parity=Parity(cosine=float("nan"), relative_l2=0))

    with pytest.raises(ValueError, match="cannot hold nan"):
        report_file.encode(report(broken))


def test_undecodable_file_names_do_not_spoil_a_report(tmp_path: Path) -> None:
    """A reason that quotes a file name which is no text is kept, with question marks."""
    path = tmp_path / "report.json"

    report_file.write(path, report(failed(reason="no file caf\udce9.jpg")))

    cell = report_file.read(path).cells[0]
    assert isinstance(cell, FailedCell)
    assert cell.reason == "no file caf?.jpg"


def test_schema_describes_the_report() -> None:
    """The published JSON Schema names the report's parts and refuses unknown fields."""
    schema = json.loads(report_file.schema_json())

    assert schema["$ref"] == "#/$defs/Report"
    assert set(schema["$defs"]["Report"]["properties"]) >= {"schema", "canary", "cells", "notes"}
    assert schema["$defs"]["Block"]["additionalProperties"] is False


def test_a_pipe_is_read(tmp_path: Path) -> None:
    """A shell's process substitution works as a file does."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    original = report(failed())
    keeper = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    os.write(keeper, report_file.encode(original))
    reader = os.open(path, os.O_RDONLY)
    os.close(keeper)

    try:
        assert report_file.read(Path(f"/dev/fd/{reader}")) == original
    finally:
        os.close(reader)


def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    """Nothing waits for a writer that may never come."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(InputError, match="not JSON"):
        report_file.read(path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("absent.json", "no such file"),
        (".", "is a folder"),
        ("nul\0", "cannot be read"),
        ("device", "is not a file"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    """A path that is absent, a folder, impossible or a device is a named input that is wrong."""
    (tmp_path / "device").symlink_to("/dev/zero")

    with pytest.raises(InputError, match=problem):
        report_file.read(tmp_path / name)


def test_too_large_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limit is not parsed."""
    small = dataclasses.replace(report_file.REPORT, most_bytes=2**20)
    monkeypatch.setattr(report_file, "REPORT", small)

    assert refusal(tmp_path / "r.json", b" " * (2**20 + 1)) == (
        "has 1,048,577 bytes, more than the 1,048,576 allowed; "
        "give a report that `simx bench` wrote"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not JSON (Expecting value at line 1, column 1)"),
        ("{\n'a'}", "not JSON (Expecting property name enclosed in double quotes at line 2,"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8 text (byte 0)"),
        (b'{"schema": "\xff"}', "not UTF-8 text (byte 12)"),
        ('{"a": 18446744073709551616}', "an integer beyond 64 bits (at $.a)"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' is given twice (at $.a)"),
        ('{"a": [1, NaN]}', "NaN is no number (at $.a[1])"),
        ('{"a": -Infinity}', "-Infinity is no number (at $.a)"),
        ("[" * 100_000, "nested too deeply to be read"),
        ('{"a": [' + "[" * 200 + "NaN" + "]" * 200 + "]}", "NaN is no number (at $.a[0]"),
        ("1" * 5000, "a number in it has too many digits"),
        ("[]", "not a simx report (its schema.name is not 'simx-report')"),
        ('{"schema": {"name": "trivy"}}', "not a simx report"),
        ('{"schema": {"name": "simx-report", "version": 3}}', "a report of version 3, and simx"),
        ('{"schema": {"name": "simx-report", "version": 2}}', "a report of version 2, and simx"),
        ('{"schema": {"name": "simx-report", "version": 1}}', "a report of version 1, and simx"),
        ('{"schema": {"name": "simx-report", "version": true}}', "a report of version True"),
        ('{"schema": {"name": "simx-report"}}', "a report of version None"),
        ('{"schema": {"name": "simx-report", "version": "\\u001b[31m"}}', "a report of version"),
        ('{"schema": {"name": "simx-report", "version": 4}}', "missing required field `created`"),
        ('{"schema": {"name": "simx-report", "version": 8}}', "reads versions 4 to 7"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str | bytes, problem: str) -> None:
    """The message says in one printable line what is wrong with the file, and where."""
    assert problem in refusal(tmp_path / "r.json", content)


def test_a_report_of_the_version_before_is_read(tmp_path: Path, document: Document) -> None:
    """It did not keep which backbones and options were asked for; all else is as it was."""
    document["schema"]["version"] = 4
    config = document["config"]
    del config["backbones"], config["provider_options"]
    (tmp_path / "r.json").write_text(json.dumps(document), encoding="utf-8")
    before = report_file.read(tmp_path / "r.json")

    assert before.schema == SchemaId()
    assert before.config is not None
    assert (before.config.backbones, before.config.provider_options) == ((), ())
    assert before.config.pilot == config["pilot"]


def first_cell(document: Document) -> Document:
    cell: Document = document["cells"][0]
    return cell


def first_block(document: Document) -> Document:
    block: Document = first_cell(document)["timings"][0]["launches"][0]["blocks"][0]
    return block


def with_events(document: Document, wall: list[int], device: list[int]) -> None:
    launch: Document = first_cell(document)["timings"][0]["launches"][0]
    launch["events"] = {"wall_ns": wall, "device_ns": device}


CANARY: Document = {
    "model": "resnet18",
    "weights": "IMAGENET1K_V1",
    "backend": "ort",
    "provider": "CPUExecutionProvider",
    "size": 512,
    "launches": [{"index": 0, "blocks": [{"round": 0, "calls": 1, "ns": [1]}]}],
}
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
BLOCK = "$.cells[0].timings[0].launches[0].blocks[0]"
EVENTS = "$.cells[0].timings[0].launches[0].events"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda d: d.update(extra=1), "unknown field `extra`"),
        (lambda d: first_cell(d).update(embedding_dim="512"), "at `$.cells[0].embedding_dim`"),
        (lambda d: d["cells"][1].update(stage=None), "at `$.cells[1].stage`"),
        (
            lambda d: d["cells"][1].update(status="fine"),
            "Invalid value 'fine' - at `$.cells[1].status`",
        ),
        (
            lambda d: first_cell(d)["identity"].update(threads=None),
            "$.cells[0].identity.threads is null",
        ),
        (lambda d: first_cell(d).update(embedding_dim=0), "$.cells[0].embedding_dim is 0"),
        (lambda d: d["cells"].append(d["cells"][0]), "$.cells[0] and $.cells[2] are the same cell"),
        (lambda d: first_block(d).update(ns=[]), f"{BLOCK}.ns is empty"),
        (lambda d: first_block(d).update(ns=[5, -1]), f"{BLOCK}.ns[1] is -1"),
        (lambda d: first_block(d).update(ns=[0]), f"{BLOCK}.ns[0] is 0"),
        (lambda d: first_block(d).update(ns=[2**63]), f"{BLOCK}.ns[0] is 9223372036854775808"),
        (lambda d: first_block(d).update(ns=[1.5]), "Expected `int`, got `float`"),
        (lambda d: first_block(d).update(calls=0), f"{BLOCK}.calls is 0"),
        (
            lambda d: first_cell(d)["timings"][0]["launches"][1].update(blocks=[]),
            "$.cells[0].timings[0].launches[1].blocks is empty",
        ),
        (
            lambda d: first_cell(d)["timings"][0].update(launches=[]),
            "$.cells[0].timings[0].launches is empty",
        ),
        (
            lambda d: first_cell(d)["timings"][0]["launches"][1].update(index=0),
            "$.cells[0].timings[0].launches has the launch index 0 twice",
        ),
        (lambda d: with_events(d, [1, 2], [1]), f"{EVENTS} has 2 times by the clock and 1 by"),
        (lambda d: with_events(d, [], []), f"{EVENTS}.wall_ns is empty"),
        (lambda d: with_events(d, [1], [-1]), f"{EVENTS}.device_ns[0] is -1"),
        (lambda d: with_events(d, [0], [0]), f"{EVENTS}.wall_ns[0] is 0; it is at least 1"),
        (lambda d: with_events(d, [2**63], [1]), f"{EVENTS}.wall_ns[0] is 9223372036854775808"),
        (
            lambda d: first_cell(d)["timings"].append(first_cell(d)["timings"][0]),
            "$.cells[0].timings has the scope forward twice",
        ),
        (lambda d: d["canary"].append({**CANARY, "size": 0}), "$.canary[0].size is 0"),
        (lambda d: d["canary"].append({**CANARY, "launches": []}), "$.canary[0].launches is empty"),
        (
            lambda d: first_cell(d)["memory"].update(peak=5),
            "$.cells[0].memory.peak is 5, below before (104857600)",
        ),
        (
            lambda d: d["cells"][1]["catalogue"].update(acc5=60),
            "$.cells[1].catalogue.acc5 is 60.0, below acc1 (69.758)",
        ),
        (
            lambda d: first_cell(d)["similarity"].update(positive=184.1),
            "$.cells[0].similarity.positive is 184.1",
        ),
        (
            lambda d: first_cell(d).update(placement={CPU: 118, CUDA: 24}),
            f"all of its nodes ran on {CPU}; by its placement it is 118/142",
        ),
        (
            lambda d: (
                first_cell(d).update(placement={CPU: 142}),
                first_cell(d)["identity"].update(backend="ort:partial=118/142"),
            ),
            f"118/142 of its nodes ran on {CPU}; by its placement it is all",
        ),
        (
            lambda d: (
                first_cell(d).update(placement={CPU: 118, CUDA: 24}),
                first_cell(d)["identity"].update(backend="ort:partial=119/142"),
            ),
            "119/142 of its nodes",
        ),
        (
            lambda d: first_cell(d).update(placement={CUDA: 142}),
            f"$.cells[0].placement has no node on {CPU}",
        ),
        (
            lambda d: first_cell(d).update(placement={CPU: -1}),
            f"$.cells[0].placement.{CPU} is -1",
        ),
        (
            lambda d: first_cell(d).update(placement={CPU: 5}, shape_nodes=6),
            "$.cells[0].shape_nodes is 6",
        ),
    ],
)
def test_an_unsound_report_is_refused(
    tmp_path: Path, document: Document, spoil: Callable[[Document], object], problem: str
) -> None:
    """A report that breaks a rule of the format is refused with the place where it does."""
    spoil(document)

    assert problem in refusal(tmp_path / "r.json", json.dumps(document))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda d: first_cell(d).update(decimals=7), "$.cells[0].decimals is 7; it is at most 6"),
        (lambda d: first_cell(d)["medians"][1].update(ns=0), "$.cells[0].medians[1].ns is 0"),
        (
            lambda d: first_cell(d)["medians"].append(first_cell(d)["medians"][0]),
            "$.cells[0].medians has the scope pipeline positive twice",
        ),
        (
            lambda d: first_cell(d)["similarity"].update(negative=-184.1),
            "$.cells[0].similarity.negative is -184.1",
        ),
        (lambda d: first_cell(d).update(parity=None), "unknown field `parity`"),
        (lambda d: d["canary"].append(CANARY), "$.canary is given; a report is either measured"),
        (lambda d: d.update(source=None), "$.environment is null; a report is either measured"),
    ],
)
def test_an_unsound_quotation_is_refused(
    tmp_path: Path, spoil: Callable[[Document], object], problem: str
) -> None:
    """A report of quoted figures has to be one altogether, and its figures have to be possible."""
    quotation: Document = json.loads(report_file.encode(quoted_report(quoted())))
    spoil(quotation)

    assert problem in refusal(tmp_path / "r.json", json.dumps(quotation))


def test_a_measured_report_quotes_nothing(tmp_path: Path) -> None:
    """Nothing without raw times stands among what was measured."""
    mixed = json.loads(report_file.encode(report(measured(), quoted(identity("vgg11")))))

    assert "$.cells[1] is quoted; a report is either" in refusal(
        tmp_path / "r.json", json.dumps(mixed)
    )


def test_a_quotation_has_no_cells_of_a_run(tmp_path: Path) -> None:
    """Nothing of a run stands among what is quoted."""
    mixed = msgspec.structs.replace(quoted_report(), cells=(failed(),))

    assert "$.cells[0] is of a run; a report is either" in refusal(
        tmp_path / "r.json", report_file.encode(mixed)
    )


def test_a_number_beyond_a_float_is_refused(tmp_path: Path, document: Document) -> None:
    """1e999, which Python reads as infinity, is refused with its place."""
    text = json.dumps(document).replace("69.758", "1e999", 1)

    assert "$.cells[0].catalogue.acc1 is inf" in refusal(tmp_path / "r.json", text)

"""Recognises a file that simx has rendered, by its first lines, so that no other is replaced."""

import re
from pathlib import Path

from simx.report.content import Form

_HEAD_BYTES = 4096

_TAIL_BYTES = 65536
"""Of a Parquet file, which has its metadata at the end."""

_HEADS: dict[Form, str] = {
    # A listing begins with the names of its columns and a rule.
    "table": r"simx (report|evaluation|tune|explain|history),\s|Which backbone to take\b"
    r"|(.*\n){1,12}?─{20}|[\s\S]{1,999}? → [\s\S]{1,999}?\nbase: ",
    "markdown": r"# simx (report|evaluation|tune|explain|history), |# Which backbone to take\b"
    r"|\| (model|backend|claim) \| |## .* → .*\n[\s\S]{1,999}?\nbase: ",
    "csv": r"(base,new,|rank,)?model,weights,",
    "bencher": r'\{"model=[^"]*":\{"latency":',
    "github-action-benchmark": r'\[\{"name":"model=',
    "openmetrics": r"# TYPE simx_latency_seconds gauge\n",
    "otava": r"time,report,simx,commit\b",
    "parquet": r"PAR1[\s\S]*simx[\s\S]{1,9}tidy rows[\s\S]*PAR1\Z",
    "html": r'<!doctype html>[\s\S]*<meta name="generator" content="simx ',
    # Without white space. Reports in a list are a rendering; one on its own is data.
    "json": r'\[\{"schema":\{"name":"simx-report"|\{"schema":\{"name":"simx-evaluation"'
    r"|\[?\{("
    r'"displayTimeUnit":"ms","traceEvents":|'
    r'"model":"[^"]*","weights":"|"base":\{"name":"|"backend":("[^"]*"|null),"provider":'
    r'|"environment":\{"cpu":"|"reports":\[\{"name":"|"created":"[^"]*","simx":"|"\$ref":"#/\$defs/Report")',
}
"""How each format of each result begins."""


def is_rendering(path: Path, form: Form) -> bool:
    """Whether a file begins as a result of simx in this format does; not if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
            if form == "parquet":
                file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
                head += file.read().decode("utf-8", "replace")
    except OSError:
        return False
    if form in {"json", "bencher", "github-action-benchmark"}:
        head = "".join(head.split())
    return re.match(_HEADS[form], head) is not None

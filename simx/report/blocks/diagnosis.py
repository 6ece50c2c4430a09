"""The results of ``simx doctor`` and ``simx selfcheck`` as documents."""

from collections.abc import Iterator

from simx.common.safe_text import clean, counted
from simx.report.blocks.document import Block, Column, Paragraph, Row, Table
from simx.report.blocks.report_tables import key_columns
from simx.report.words.names import provider_name
from simx.report.words.values import ABSENT, Tone, Value
from simx.results.schema.diagnosis import Diagnosis, ProviderDiagnosis
from simx.results.schema.selfcheck import SelfCheck, Verdict


def diagnosis_blocks(found: Diagnosis) -> Iterator[Block]:
    """Yield the usable providers, the causes of failures, problems, advice, and the machine."""
    yield Table(
        columns=key_columns("backend", "provider", "usable", "nodes"),
        rows=tuple(Row(_values(each)) for each in found.providers),
        keys=2,
    )
    for each in found.providers:
        if each.reason is not None:
            why = clean("; ".join(filter(None, (each.reason, each.remedy))))
            yield Paragraph(f"{clean(each.backend)} on {clean(each.provider)}: {why}")
    for plugin in found.plugins:
        finds = plugin.problem or f"it finds {', '.join(plugin.devices) or 'no device here'}"
        names = ", ".join(plugin.providers)
        yield Paragraph(clean(f"plug-in {plugin.name} brings {names}: {finds}"))
    yield from (Paragraph(f"problem: {clean(text)}", "bad") for text in found.problems)
    yield from (Paragraph(f"advice: {clean(text)}", "warning") for text in found.advice)
    loaded = (_loaded(each) for each in found.providers if each.libraries)
    for text in (_machine(found), _software(found), *_others(found), *loaded, _store(found)):
        yield Paragraph(text, "faint")


def _values(each: ProviderDiagnosis) -> tuple[Value, ...]:
    provider, total = provider_name(each.provider), sum(each.proof.values())
    proof = f"{each.proof.get(each.provider, 0)}/{total} {provider}" if each.proof else ""
    if each.usable and not proof:
        proof = "no graph; computed"  # the backend has no graph
    usable = Value("yes", tone="best") if each.usable else Value("no", tone="bad")
    names = map(Value, (clean(each.backend), provider))
    return (*names, usable, Value(proof if each.usable else ""))


def _store(found: Diagnosis) -> str:
    store = "none"
    if found.store is not None:
        exports = counted(found.store.exports, "export")
        store = f"{exports}, {found.store.free_bytes / 1e9:.0f} GB free"
    return f"store: {store}; {found.cached_weights} of the pretrained weights are cached"


def _loaded(each: ProviderDiagnosis) -> str:
    names = (f"{name} {version}".strip() for name, version in each.libraries.items())
    return clean(f"loaded by {each.backend} {provider_name(each.provider)}: {' · '.join(names)}")


def _machine(found: Diagnosis) -> str:
    of = found.environment
    parts = [
        of.cpu,
        f"{of.affinity_cores} of {counted(of.logical_cores, 'core')}",
        counted(found.threads, "thread"),
        "no quota" if of.quota_cores is None else f"quota {counted(of.quota_cores, 'core')}",
        f"governor {of.governor or 'unknown'}",
        f"boost {'unknown' if of.boost is None else 'on' if of.boost else 'off'}",
        f"{of.memory_bytes / 2**30:.0f} GiB",
        *(f"{gpu.name}, driver {gpu.driver}" for gpu in of.gpus),
    ]
    return f"machine: {' · '.join(map(clean, parts))}"


def _software(found: Diagnosis) -> str:
    versions = {**found.environment.libraries, **found.distributions}
    parts = [
        *(f"{name} {version}" for name, version in versions.items()),
        *(f"{backend} built for CUDA {version}" for backend, version in found.cuda.items()),
        *([f"C++ compiler {found.cpp_compiler}"] if found.cpp_compiler else []),
    ]
    return f"software: Python {found.environment.python} · {' · '.join(map(clean, parts))}"


def _others(found: Diagnosis) -> Iterator[str]:
    for title, other in found.environment.others.items():
        versions = (f"{name} {version}" for name, version in other.libraries.items())
        yield clean(f"environment of {title}: Python {other.python} · {' · '.join(versions)}")


_TONES: dict[Verdict, Tone] = {
    "holds": "best",
    "fails": "bad",
    "too noisy": "bad",
    "not looked at": "faint",
}


def selfcheck_blocks(found: SelfCheck) -> Iterator[Block]:
    """Yield a row and a note for each claim, the noise floor and the verdict."""
    titles = ("unit", "bound", "verdict")
    rows = []
    for check in found.checks:
        value = ABSENT if check.value is None else Value(f"{check.value:.2f}")
        texts = map(Value, map(clean, (check.unit, check.bound)))
        verdict = Value(check.verdict, tone=_TONES[check.verdict])
        rows.append(Row((Value(clean(check.name)), value, *texts, verdict)))
    yield Table(
        columns=(*key_columns("claim"), Column("found"), *key_columns(*titles)), rows=tuple(rows)
    )
    for check in found.checks:
        if check.note:
            yield Paragraph(f"{clean(check.name)}: {clean(check.note)}")
    if found.noise_floor is None:
        yield Paragraph("noise floor: this machine is too noisy now to find one")
    else:
        yield Paragraph(
            f"noise floor: {100 * found.noise_floor:.1f} %, the smallest difference that a "
            "comparison at the default profile shows 9 times in 10 on this machine, now, with "
            f"{counted(found.threads, 'thread')}"
        )
    yield Paragraph(_verdict(found))


def _verdict(found: SelfCheck) -> str:
    failed = [clean(check.name) for check in found.checks if check.verdict == "fails"]
    noisy = [clean(check.name) for check in found.checks if check.verdict == "too noisy"]
    if failed:
        return f"verdict: results on this machine cannot be trusted ({', '.join(failed)})"
    if noisy or found.noise_floor is None:
        return "verdict: the statistics hold; the machine is too noisy for small differences"
    return "verdict: the statistics hold, and the machine is quiet enough"

"""Are VGGish's files the released ones, and do they give what the reference says they give?

The reference's smoke test (vggish_smoke_test.py, tensorflow/models, July 2023): three seconds of a 1 kHz sine, and the
mean and standard deviation over all values of the embeddings and of the post-processed ones, to a tenth.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sarcasm.advice import how_to_prepare
from sarcasm.check.findings import Finding, State
from sarcasm.errors import SarcasmError
from sarcasm.files import sha256, stand_in_at
from sarcasm.prepare.source import Source
from sarcasm.vggish import Engine, Postprocessor, VGGish, waveform_to_examples

AREA = "vggish"
SAMPLE_RATE, SECONDS, FREQUENCY = 16_000, 3, 1000
EXPECTED = {"embeddings": (0.000657, 0.343), "after PCA": (126.0, 89.3)}
"""Mean and standard deviation."""
RELATIVE_TOLERANCE = 0.1
RELEASED = (
    "0962b1914e3e053922d957c45bc84a78c985765641dc6bceeeb3a7d8dfecfdf6",
    "4d878af3e306defbfb37095365aa7e5a6cecb86bad13e859e626151c4e6a8b9d",
)
"""SHA-256 of the checkpoint and the PCA file that the numbers above belong to."""
ENGINE_TOLERANCE = 1e-3
"""Largest difference between the fast engine and the graph, in standard deviations of the embeddings."""


def examine(checkpoint: Path, params: Path, sources: tuple[Source, Source]) -> Iterator[Finding]:
    """Look at the files, then through them.

    Args:
        checkpoint: VGGish's weights.
        params: the PCA parameters.
        sources: where they come from, and how one knows the right ones, in this order.
    """
    files = [_of_file(path, source) for path, source in zip((checkpoint, params), sources, strict=True)]
    yield from files
    if any(finding.state in (State.missing, State.broken) for finding in files):
        return
    try:
        numbers, difference = _numbers(checkpoint, params)
    except SarcasmError as error:
        yield Finding(AREA, "smoke test", State.broken, str(error))
        return
    is_released = checkpoint.is_file() and (sha256(checkpoint), sha256(params)) == RELEASED
    yield _of_numbers(numbers, is_released)
    state = State.ok if difference <= ENGINE_TOLERANCE else State.broken
    detail = f"the fast engine differs from the graph by {difference:.1e} standard deviations"
    yield Finding(AREA, "engine", state, detail, "" if state is State.ok else "use embedding.engine=graph")


def _of_file(path: Path, source: Source) -> Finding:
    what = path.name
    if not path.exists():
        if path.with_name(f"{path.name}.index").exists():
            return Finding(AREA, what, State.note, f"{path} is a V2 checkpoint, not the released file")
        return Finding(AREA, what, State.missing, f"{path} is not there", how_to_prepare(path) or "name another file")
    try:
        fault = source.fault_of(path)
    except OSError as error:
        return Finding(AREA, what, State.broken, f"{path} cannot be read ({error.strerror})", "mend its permissions")
    if fault:
        # Somebody's own weights are no defect, a file of the right size with other bytes is.
        is_damaged = stand_in_at(path) is not None or path.stat().st_size == source.bytes
        fix = f"delete it, and {how_to_prepare(path) or 'fetch it again'}" if is_damaged else ""
        return Finding(
            AREA, what, State.broken if is_damaged else State.note, f"not the file of its source: it {fault}", fix
        )
    known = "the file of its source, by its hash" if source.sha256 else "there; no hash is known to check it by"
    return Finding(AREA, what, State.ok, known)


def _numbers(checkpoint: Path, params: Path) -> tuple[dict[str, tuple[float, float]], float]:
    """Mean and standard deviation of what comes out, and how far the engines are apart."""
    times = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    examples = waveform_to_examples(np.sin(2 * np.pi * FREQUENCY * times), SAMPLE_RATE)
    embeddings = []
    for engine in (Engine.graph, Engine.auto):
        with VGGish(checkpoint, engine) as network:
            embeddings.append(network.embed(examples))
    graph, fast = embeddings
    quantized = Postprocessor(params).postprocess(graph)
    found = {"embeddings": graph, "after PCA": quantized.astype(np.float64)}
    numbers = {name: (float(values.mean()), float(values.std())) for name, values in found.items()}
    return numbers, float(np.abs(fast - graph).max() / max(float(graph.std()), 1e-12))


def _of_numbers(numbers: dict[str, tuple[float, float]], is_released: bool) -> Finding:
    is_equal = all(np.allclose(numbers[name], EXPECTED[name], rtol=RELATIVE_TOLERANCE) for name in EXPECTED)
    shown = ", ".join(f"{name} {mean:.3g} and {deviation:.3g}" for name, (mean, deviation) in numbers.items())
    wanted = ", ".join(f"{name} {mean:.3g} and {deviation:.3g}" for name, (mean, deviation) in EXPECTED.items())
    if is_equal:
        return Finding(AREA, "smoke test", State.ok, f"as the reference has it (mean and deviation: {shown})")
    detail = f"mean and deviation of {shown}; the released files give {wanted}"
    if not is_released:
        return Finding(AREA, "smoke test", State.note, f"other weights than the released ones: {detail}")
    return Finding(AREA, "smoke test", State.broken, detail, "report this machine and its library versions")

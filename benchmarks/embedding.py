"""Embed log-mel examples: the fast network against a plain tf-slim session, in turns, in one process.

The session is fed as the notebook feeds it, one feed_dict a call, and TensorFlow's defaults are left alone (oneDNN is
on by default on processors with AVX-512 VNNI, off on others; --onednn chooses). A batch of 5 examples is about a clip
of MUStARD. Every ratio is between two runs that follow each other; the median over the rounds counts, least and largest
say how quiet the machine was.

    python -m benchmarks.embedding [--batches 5 16 64] [--rounds 9] [--onednn default|on|off] [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

BUDGET = 2.5
BATCHES = (5, 16, 64)
EXAMPLES_PER_TURN = 80
"""About a second of the session on two cores: long enough to time, short enough for both to meet the same machine."""
Embed = Callable[[np.ndarray], np.ndarray]


def session_and_weights(seed: int = 0) -> tuple[Embed, dict[str, np.ndarray]]:
    """VGGish in tf-slim with random weights that keep activations near 1, and those weights by variable name."""
    import tensorflow
    import tf_slim as slim

    tf = tensorflow.compat.v1
    generator = np.random.default_rng(seed)
    weights = {}
    graph = tf.Graph()
    with graph.as_default(), tf.variable_scope("vggish"):
        examples = tf.placeholder(tf.float32, (None, 96, 64))
        net = tf.reshape(examples, (-1, 96, 64, 1))
        for number, (n_layers, n_channels) in enumerate([(1, 64), (1, 128), (2, 256), (2, 512)], start=1):
            if n_layers == 1:
                net = slim.conv2d(net, n_channels, 3, scope=f"conv{number}")
            else:
                net = slim.repeat(net, n_layers, slim.conv2d, n_channels, 3, scope=f"conv{number}")
            net = slim.max_pool2d(net, 2, padding="SAME")
        net = slim.repeat(slim.flatten(net), 2, slim.fully_connected, 4096, scope="fc1")
        embeddings = slim.fully_connected(net, 128, activation_fn=None, scope="fc2")
        session = tf.Session(graph=graph)
        for variable in tf.global_variables():
            shape = variable.shape.as_list()
            scale = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) > 1 else 0.05
            weights[variable.op.name] = generator.standard_normal(shape, np.float32) * np.float32(scale)
            session.run(variable.initializer, {variable.initializer.inputs[1]: weights[variable.op.name]})
    return lambda fed: session.run(embeddings, feed_dict={examples: fed}), weights


def compare(batches: tuple[int, ...], rounds: int, threads: int | None) -> dict[str, Any]:
    """Time both in turns.

    Returns:
        by batch size the median, least and largest ratio and the median examples a second of both; the largest
        difference between their embeddings in standard deviations; machine and versions.
    """
    from sarcasm.vggish.winograd import WinogradNetwork

    embed_plainly, weights = session_and_weights()
    examples = np.random.default_rng(1).standard_normal((max(*batches, EXAMPLES_PER_TURN), 96, 64), dtype=np.float32)
    with WinogradNetwork(weights, threads) as network:
        expected, embeddings = embed_plainly(examples[:64]), network.embed(examples[:64])
        result: dict[str, Any] = {"batches": {}, "difference": float(abs(embeddings - expected).max() / expected.std())}
        for batch in batches:
            for embed in (embed_plainly, network.embed):
                _rate(embed, examples, batch)  # the first run at a size chooses algorithms and touches memory
            pairs = [
                (_rate(embed_plainly, examples, batch), _rate(network.embed, examples, batch)) for _ in range(rounds)
            ]
            ratios = [ours / theirs for theirs, ours in pairs]
            result["batches"][str(batch)] = {
                "ratio": statistics.median(ratios),
                "least": min(ratios),
                "largest": max(ratios),
                "session_per_second": statistics.median(theirs for theirs, _ in pairs),
                "network_per_second": statistics.median(ours for _, ours in pairs),
            }
    return {**result, **_circumstances(), "threads": threads, "rounds": rounds}


def measure(rounds: int = 5) -> list[dict[str, object]]:
    """Compare in a fresh process, because oneDNN is chosen when TensorFlow is imported."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    command = [sys.executable, "-m", "benchmarks.embedding", "--json", "--rounds", str(rounds)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    batches = json.loads(output.splitlines()[-1])["batches"]
    return [
        {"what": f"embedding against a session, {batch} examples a call", "ratio": rates["ratio"], "budget": BUDGET}
        for batch, rates in batches.items()
    ]


def _rate(embed: Embed, examples: np.ndarray, batch: int) -> float:
    """Examples a second, over at least EXAMPLES_PER_TURN of them in whole batches."""
    n_calls = -(-EXAMPLES_PER_TURN // batch)
    started = time.perf_counter()
    for _ in range(n_calls):
        embed(examples[:batch])
    return n_calls * batch / (time.perf_counter() - started)


def _circumstances() -> dict[str, Any]:
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "python": platform.python_version(),
        **{package: version(package) for package in ("tensorflow", "tf-slim", "numpy", "numba", "llvmlite")},
    }


def _processor() -> str:
    """Model and vector instructions, where Linux tells."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    except OSError:
        return platform.processor()
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    vectors = [name for name in ("avx2", "avx512f", "avx512_vnni") if name in fields.get("flags", "").split()]
    return " ".join([fields.get("model name", platform.machine()), *vectors])


def main() -> None:
    """Print the comparison; append it as a line of JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="examples a call")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--onednn", choices=["default", "on", "off"], default="default", help="in the session")
    parser.add_argument("--threads", type=int, help="of the network; default: one a processor")
    parser.add_argument("--json", action="store_true", help="print nothing but one line of JSON")
    parser.add_argument("--output", type=Path, help="append a line of JSON to this file")
    options = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if options.onednn != "default":
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(options.onednn == "on"))
    result = compare(tuple(options.batches), options.rounds, options.threads)
    line = json.dumps(result)
    if options.output:
        with options.output.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    if options.json:
        print(line)
        return
    print(", ".join(f"{name} {value}" for name, value in result.items() if name not in ("batches", "difference")))
    print(f"largest difference of an embedding: {result['difference']:.1e} standard deviations")
    for batch, rates in result["batches"].items():
        both = f"{rates['network_per_second']:4.0f} against {rates['session_per_second']:4.0f} examples/s"
        spread = f"{rates['least']:.2f} to {rates['largest']:.2f}"
        print(f"batch {batch:>3}: {both}, {rates['ratio']:.2f} x ({spread}), budget {BUDGET} x")


if __name__ == "__main__":
    main()

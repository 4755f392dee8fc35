"""Embed log-mel examples: the fast network against a plain one, in turns, in one process.

The plain one is a tf-slim session, fed as the notebook feeds it, one feed_dict a call, and TensorFlow's defaults are
left alone (oneDNN is on by default on processors with AVX-512 VNNI, off on others; --onednn chooses). Where PyTorch is
installed, the same network in it is another, with PyTorch's defaults; no run of ours needs it. A batch of 5 examples is
about a clip of MUStARD. Every ratio is between two runs that follow each other; the median over the rounds counts,
least and largest say how quiet the machine was.

    python -m benchmarks.embedding [--against session|torch] [--batches 5 16 64] [--rounds 9]
        [--onednn default|on|off] [--output FILE]
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
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

BUDGETS = {"session": 2.5, "torch": 2.5}
"""What ours is compared with: how many times as fast it is to be."""
BATCHES = (5, 16, 64)
EXAMPLES_PER_TURN = 80
"""About a second of the session on two cores: long enough to time, short enough for both to meet the same machine."""
Embed = Callable[[np.ndarray], np.ndarray]


def plain_network(examples: Any) -> Any:
    """Build VGGish in tf-slim, in TensorFlow's current graph: tensor [n, 96, 64] -> [n, 128]."""
    import tensorflow
    import tf_slim as slim

    with tensorflow.compat.v1.variable_scope("vggish"):
        net = tensorflow.reshape(examples, (-1, 96, 64, 1))
        for number, (n_layers, n_channels) in enumerate([(1, 64), (1, 128), (2, 256), (2, 512)], start=1):
            if n_layers == 1:
                net = slim.conv2d(net, n_channels, 3, scope=f"conv{number}")
            else:
                net = slim.repeat(net, n_layers, slim.conv2d, n_channels, 3, scope=f"conv{number}")
            net = slim.max_pool2d(net, 2, padding="SAME")
        net = slim.repeat(slim.flatten(net), 2, slim.fully_connected, 4096, scope="fc1")
        return slim.fully_connected(net, 128, activation_fn=None, scope="fc2")


def session(weights: Mapping[str, np.ndarray]) -> Embed:
    """The network in a tf-slim session, with weights by variable name."""
    import tensorflow

    tf = tensorflow.compat.v1
    with tf.Graph().as_default() as graph:
        examples = tf.placeholder(tf.float32, (None, 96, 64))
        embeddings = plain_network(examples)
        opened = tf.Session(graph=graph)
        for variable in tf.global_variables():
            opened.run(variable.initializer, {variable.initializer.inputs[1]: weights[variable.op.name]})
    return lambda fed: opened.run(embeddings, feed_dict={examples: fed})


def torch(weights: Mapping[str, np.ndarray]) -> Embed:
    """The network in PyTorch, with the same weights."""
    from torch import from_numpy, inference_mode
    from torch.nn.functional import conv2d, linear, max_pool2d, relu

    # [height, width, in, out] -> [out, in, height, width], and [in, out] -> [out, in].
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}
    own = {
        name: from_numpy(np.ascontiguousarray(values.transpose(axes[values.ndim]))) for name, values in weights.items()
    }

    def parameters(layer: str) -> tuple[Any, Any]:
        return own[f"vggish/{layer}/weights"], own[f"vggish/{layer}/biases"]

    def embed(examples: np.ndarray) -> np.ndarray:
        with inference_mode():
            net = from_numpy(examples)[:, None]
            for block in (["conv1"], ["conv2"], ["conv3/conv3_1", "conv3/conv3_2"], ["conv4/conv4_1", "conv4/conv4_2"]):
                for layer in block:
                    net = relu(conv2d(net, *parameters(layer), padding=1))
                net = max_pool2d(net, 2)
            net = net.permute(0, 2, 3, 1).flatten(1)  # as tf-slim flattens: channels last
            for layer in ("fc1/fc1_1", "fc1/fc1_2"):
                net = relu(linear(net, *parameters(layer)))
            return linear(net, *parameters("fc2")).numpy()

    return embed


def compare(against: str, batches: tuple[int, ...], rounds: int, threads: int | None) -> dict[str, Any]:
    """Time both in turns.

    Args:
        against: "session" or "torch".
        batches: examples a call.
        rounds: turns of both.
        threads: of our network; None for one a processor.

    Returns:
        by batch size the median, least and largest ratio and the median examples a second of both; the largest
        difference between their embeddings in standard deviations; machine and versions.
    """
    from sarcasm.vggish import random_weights
    from sarcasm.vggish.winograd import WinogradNetwork

    weights = random_weights(0)
    embed_plainly = {"session": session, "torch": torch}[against](weights)
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
                "theirs_per_second": statistics.median(theirs for theirs, _ in pairs),
                "ours_per_second": statistics.median(ours for _, ours in pairs),
            }
    return {"against": against, **result, **_circumstances(), "threads": threads, "rounds": rounds}


def measure(rounds: int = 5) -> list[dict[str, object]]:
    """Compare in fresh processes, because oneDNN is chosen when TensorFlow is imported."""
    rows = _measured("session", "a session", rounds)
    if find_spec("torch"):
        return rows + _measured("torch", "PyTorch", rounds)
    print("embedding against PyTorch: left out, as torch is not installed", file=sys.stderr)
    return rows


def _measured(against: str, name: str, rounds: int) -> list[dict[str, object]]:
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    command = [sys.executable, "-m", "benchmarks.embedding", "--json", "--against", against, "--rounds", str(rounds)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    batches = json.loads(output.splitlines()[-1])["batches"]
    rows: list[dict[str, object]] = [
        {"what": f"embedding against {name}, {batch} examples a call", "budget": BUDGETS[against], **rates}
        for batch, rates in batches.items()
    ]
    few, many = str(min(BATCHES)), str(max(BATCHES))
    return [
        *rows,
        {
            "what": f"embedding a corpus, {many} a call, against {name} clip by clip", "budget": BUDGETS[against],
            "ratio": batches[many]["ours_per_second"] / batches[few]["theirs_per_second"],
        },
    ]  # fmt: skip


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
    parser.add_argument("--against", choices=[*BUDGETS], default="session")
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
    result = compare(options.against, tuple(options.batches), options.rounds, options.threads)
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
        both = f"{rates['ours_per_second']:4.0f} against {rates['theirs_per_second']:4.0f} examples/s"
        spread = f"{rates['least']:.2f} to {rates['largest']:.2f}"
        print(f"batch {batch:>3}: {both}, {rates['ratio']:.2f} x ({spread}), budget {BUDGETS[options.against]} x")


if __name__ == "__main__":
    main()

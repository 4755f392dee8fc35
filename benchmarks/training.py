"""Train the big head on 2,769 examples for 30 steps: ours against the notebook's loop, and against the matrix peak.

The notebook's loop feeds all rows through feed_dict in every step and leaves TensorFlow's defaults alone (oneDNN is off
by default on processors without AVX-512). Both run in fresh processes, because oneDNN is chosen when TensorFlow is
imported. The share of the peak counts the multiplications of the three layers, forward and twice backward, less the
first layer's gradient by its input, which nobody needs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from benchmarks.notebook import STEPS, fit_and_predict

N_EXAMPLES, DIMENSION, UNITS = 2769, 128, 4096
BUDGET, PEAK_BUDGET = 1.8, 0.85


def ours() -> float:
    """Seconds of a run's own training, without the import of TensorFlow."""
    from sarcasm.config import compose, parse
    from sarcasm.fit import Rows

    config = parse(compose("config", ["head=big", "trainer=full_batch", f"trainer.steps={STEPS}"]))
    rows = Rows(*_rows())
    return _between_steps(lambda log_step: config.head.fit(config.trainer, rows, None, 42, log_step))


def notebook() -> float:
    """Seconds of the notebook's way: the same graph, its rows fed in every step."""
    import numpy as np

    X, y = _rows()
    labels = np.stack([y, ~y], axis=1).astype(np.float32)
    return _between_steps(lambda log_step: fit_and_predict(X, labels, X[:1], (UNITS, UNITS), 42, log_step))


def peak() -> float:
    """Multiply-adds a second of a large float32 matrix product in numpy, on all cores."""
    import numpy as np

    size = 4096
    one = np.random.default_rng(0).standard_normal((size, size), dtype=np.float32)
    one @ one
    started = time.perf_counter()
    for _ in range(3):
        one @ one
    return 3 * size**3 / (time.perf_counter() - started)


def measure(repeats: int = 3) -> list[dict[str, object]]:
    """Run both in turns; medians of the ratio within each turn."""
    ratios, shares = [], []
    multiplications = STEPS * N_EXAMPLES * (2 * DIMENSION * UNITS + 3 * UNITS**2 + 3 * UNITS * 2)
    for _ in range(repeats):
        our_seconds, their_seconds, per_second = (_in_a_process(name) for name in ("ours", "notebook", "peak"))
        ratios.append(their_seconds / our_seconds)
        shares.append(multiplications * (STEPS - 1) / STEPS / our_seconds / per_second)
    return [
        {"what": "head=big against the notebook's loop", "ratio": statistics.median(ratios), "budget": BUDGET},
        {"what": "head=big, share of the matrix peak", "ratio": statistics.median(shares), "budget": PEAK_BUDGET},
    ]


def _rows():  # type: ignore[no-untyped-def]
    import numpy as np

    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (N_EXAMPLES, DIMENSION)).astype(np.float32), generator.random(N_EXAMPLES) < 0.5


def _between_steps(train) -> float:  # type: ignore[no-untyped-def]
    """Seconds from the end of the first step to that of the last: building the graph is not what is compared."""
    ends: list[float] = []
    train(lambda *_: ends.append(time.perf_counter()))
    return ends[-1] - ends[0]


def _in_a_process(name: str) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"}
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", name], capture_output=True, text=True, check=True, env=environment
    ).stdout
    return float(output.split()[-1])


if __name__ == "__main__":
    print({"ours": ours, "notebook": notebook, "peak": peak}[sys.argv[1]]())

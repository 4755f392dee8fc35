"""Several configurations in a notebook's way: one Python process, and each configuration from the files to the report.

Plain code on purpose, as one writes it to try something once: every clip is read, turned into log-mel examples by the
formulas, embedded by itself in a tf-slim session, post-processed if asked for; the examples are split, a head trained
by feeding all rows in every step, and scikit-learn's report printed. Nothing is kept from one configuration to the
next, and nothing recorded. TensorFlow's defaults are left alone.

    python -m benchmarks.notebook FOLDER

FOLDER is what `python -m benchmarks.made_up` writes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.embedding import plain_network
from benchmarks.front_end import plain_examples
from benchmarks.made_up import AUDIO, CHECKPOINT, LABELS, PCA

HEADS = {"small": (100,), "big": (4096, 4096)}
SEEDS = (0, 1)
STEPS, LEARNING_RATE, EPSILON = 30, 1e-4, 1e-8
TEST_SIZE = 0.2
CLASSES = ("sarcastic", "non_sarcastic")


def run(folder: Path, has_pca: bool, hidden: Sequence[int], seed: int) -> str:
    """Go from the clips of a folder to the report of one configuration."""
    from sklearn.metrics import classification_report
    from sklearn.model_selection import train_test_split

    X, y = table(folder)
    if has_pca:
        X = postprocess(X, np.load(folder / PCA)).astype(np.float32)
    train_X, test_X, train_y, test_y = train_test_split(X, y, test_size=TEST_SIZE, random_state=seed, stratify=y)
    logits = fit_and_predict(train_X, train_y, test_X, hidden, seed)
    decisions = np.round(1 / (1 + np.exp(-logits)))
    return classification_report(test_y, decisions, target_names=CLASSES, zero_division=0)


def table(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 [N, 128] of every clip's examples, and labels float32 [N, 2]: sarcastic, not."""
    import soundfile
    import tensorflow

    tf = tensorflow.compat.v1
    labels = json.loads((folder / LABELS).read_text(encoding="utf-8"))
    rows, y = [], []
    with tf.Graph().as_default(), tf.Session() as session:
        examples = tf.placeholder(tf.float32, (None, 96, 64))
        embeddings = plain_network(examples)
        tf.train.Saver().restore(session, str(folder / CHECKPOINT))
        for id_, entry in labels.items():
            waveform, sample_rate = soundfile.read(folder / AUDIO / f"{id_}.wav")
            rows.append(session.run(embeddings, feed_dict={examples: plain_examples(waveform, sample_rate)}))
            y += [[entry["sarcasm"], not entry["sarcasm"]]] * len(rows[-1])
    return np.concatenate(rows), np.array(y, np.float32)


def postprocess(embeddings: np.ndarray, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """VGGish's PCA, clipped to [-2, 2] and 8 bits: float32 [N, 128] -> uint8 [N, 128]."""
    applied = (parameters["pca_eigen_vectors"] @ (embeddings.T - parameters["pca_means"])).T
    return ((applied.clip(-2, 2) + 2) * 255 / 4).astype(np.uint8)


def fit_and_predict(
    train_X: np.ndarray,
    train_y: np.ndarray,
    test_X: np.ndarray,
    hidden: Sequence[int],
    seed: int,
    log_step: Callable[[int, float], None] = lambda *_: None,
) -> np.ndarray:
    """Train a head by feeding all rows in every step.

    Args:
        train_X: float32 [n, D].
        train_y: float32 [n, 2].
        test_X: float32 [m, D].
        hidden: units of each hidden layer.
        seed: of the initial weights.
        log_step: told the number and loss of every step.

    Returns:
        float32 [m, 2], logits of the test rows.
    """
    import tensorflow
    import tf_slim as slim

    tf = tensorflow.compat.v1
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        X, y = tf.placeholder(tf.float32, (None, train_X.shape[1])), tf.placeholder(tf.float32, (None, 2))
        logits = slim.fully_connected(slim.stack(X, slim.fully_connected, hidden), 2, activation_fn=None)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))
        update = tf.train.AdamOptimizer(LEARNING_RATE, epsilon=EPSILON).minimize(loss)
        session.run(tf.global_variables_initializer())
        for step in range(STEPS):
            value, _ = session.run([loss, update], feed_dict={X: train_X, y: train_y})
            log_step(step, float(value))
        return session.run(logits, feed_dict={X: test_X})


def main() -> None:
    """Print the report of each of eight configurations."""
    for has_pca, (name, hidden), seed in product((True, False), HEADS.items(), SEEDS):
        print(f"pca {'on' if has_pca else 'off'}, head {name}, seed {seed}")
        print(run(Path(sys.argv[1]), has_pca, hidden, seed), flush=True)


if __name__ == "__main__":
    main()

"""The two columns that every head answers with, and what they say: 0 sarcastic, 1 not.

Each column goes through a sigmoid of its own, since the head is trained so; the probability of sarcastic is the first
column's share of both, p0 / (p0 + p1), which is above one half exactly where argmax says sarcastic and equals p0 where
the columns sum to one.
"""

from __future__ import annotations

import numpy as np

SARCASTIC, NON_SARCASTIC = 0, 1
"""The columns of logits and decisions."""
N_LOGITS = 2


def one_hot(y: np.ndarray) -> np.ndarray:
    """Labels bool [n] -> float32 [n, 2], one column a class."""
    labels = np.zeros((len(y), N_LOGITS), np.float32)
    labels[:, SARCASTIC], labels[:, NON_SARCASTIC] = y, ~y
    return labels


def sigmoids(logits: np.ndarray) -> np.ndarray:
    """The sigmoid of each column, float64 [n, 2]."""
    from scipy.special import expit

    return expit(logits.astype(np.float64))


def probability(logits: np.ndarray) -> np.ndarray:
    """The probability of sarcastic, float64 [n]; right for logits of any size."""
    from scipy.special import expit, log_expit

    log_columns = log_expit(logits.astype(np.float64))
    return expit(log_columns[:, SARCASTIC] - log_columns[:, NON_SARCASTIC])

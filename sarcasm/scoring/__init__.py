"""Scores: arrays in, frozen results out. Knows neither TensorFlow nor where predictions come from."""

from sarcasm.scoring.baselines import Baseline, baselines, best_deaf, gain, verdict
from sarcasm.scoring.calibration import Calibration, calibration
from sarcasm.scoring.curves import Curve, curves
from sarcasm.scoring.intervals import Interval, intervals
from sarcasm.scoring.levels import (
    Decision,
    Level,
    Predictions,
    decide_clip,
    example_level,
    levels,
    tuned_threshold,
    utterance_level,
)
from sarcasm.scoring.metrics import CLASSES, METRICS, ClassScores, Scores, score
from sarcasm.scoring.result import Fit, Result, Spread, result, score_level, test_metrics
from sarcasm.scoring.significance import N_SWAPS, ChanceTest, Paired, against_chance, holm, paired

__all__ = [
    "CLASSES",
    "METRICS",
    "N_SWAPS",
    "Baseline",
    "Calibration",
    "ChanceTest",
    "ClassScores",
    "Curve",
    "Decision",
    "Fit",
    "Interval",
    "Level",
    "Paired",
    "Predictions",
    "Result",
    "Scores",
    "Spread",
    "against_chance",
    "baselines",
    "best_deaf",
    "calibration",
    "curves",
    "decide_clip",
    "example_level",
    "gain",
    "holm",
    "intervals",
    "levels",
    "paired",
    "result",
    "score",
    "score_level",
    "test_metrics",
    "tuned_threshold",
    "utterance_level",
    "verdict",
]

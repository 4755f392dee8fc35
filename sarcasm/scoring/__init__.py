"""Scores: arrays in, frozen results out. Knows neither TensorFlow nor where predictions come from."""

from sarcasm.scoring.baselines import Baseline, baselines, metrics, verdict
from sarcasm.scoring.levels import Decision, Level, Predictions, example_level, levels, utterance_level
from sarcasm.scoring.metrics import CLASSES, METRICS, ClassScores, Scores, score

__all__ = [
    "CLASSES",
    "METRICS",
    "Baseline",
    "ClassScores",
    "Decision",
    "Level",
    "Predictions",
    "Scores",
    "baselines",
    "example_level",
    "levels",
    "metrics",
    "score",
    "utterance_level",
    "verdict",
]

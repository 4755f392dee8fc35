"""Experiment tracking and training for sarcasm, and any other tone, in speech."""

__version__ = "0.1.0"

"""Where the project lies: the folder that holds train.py, conf/, data/, models/, mlruns/ and mlflow.db."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

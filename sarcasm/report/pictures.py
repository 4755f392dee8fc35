"""Pictures of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sarcasm.report.drawing import BLUE, GREY, ORANGE, legend, new_axes, note_at_foot, png
from sarcasm.scoring import CLASSES, Calibration, Result, Scores


def pictures(losses: Mapping[str, Sequence[float]], result: Result, note: str) -> dict[str, bytes]:
    """Draw every picture.

    Args:
        losses: name of the fit -> loss of each step; empty for one that is not trained in steps.
        result: what the run is worth.
        note: stands in small print under each picture; says so where data or weights are made up.

    Returns:
        name -> PNG.
    """
    drawn = {"loss": _loss(losses)} if any(losses.values()) else {}
    drawn["scores"] = _scores(result)
    drawn |= {f"confusion_{level}": _confusion(level, each) for level, each in result.scores.items()}
    drawn["reliability"] = _reliability(result.calibration)
    for figure in drawn.values():
        note_at_foot(figure, note)
    return {name: png(figure) for name, figure in drawn.items()}


def _loss(losses: Mapping[str, Sequence[float]]) -> Any:
    figure, axes = new_axes("Training loss")
    for fold, values in losses.items():
        axes.plot(
            np.arange(len(values)),
            values,
            color=BLUE,
            alpha=1 if len(losses) == 1 else 0.5,
            linewidth=1.5,
            marker="o" if len(values) <= 50 else "",
            markersize=3,
            label=fold,
        )
    axes.set(xlabel="step", ylabel="mean sigmoid cross-entropy")
    axes.set_ylim(bottom=0)
    return figure


def _confusion(level: str, scores: Scores) -> Any:
    figure, axes = new_axes(f"Confusion, {level} level (counts, share of the row)")
    counts = scores.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(scores.decided)), [name.replace("_", "-") for name in scores.decided])
    axes.set_yticks(range(len(CLASSES)), [name.replace("_", "-") for name in CLASSES])
    axes.set(xlabel="decided", ylabel="labelled")
    return figure


def _scores(result: Result) -> Any:
    figure, axes = new_axes("Weighted F over utterances, with its 95 % intervals")
    bars = [("this run", result.scores["utterance"].f1_weighted, ORANGE)]
    bars += [
        (each.name.replace("_", " "), each.scores.f1_weighted, GREY if each.is_deaf else BLUE)
        for each in result.baselines
    ]
    names, values, colours = zip(*reversed(bars), strict=True)
    axes.barh(names, values, color=colours)
    top = len(bars) - 1
    ends = dict(enumerate(values))
    for (unit, found), style, shift in zip(result.intervals.items(), ("-", ":"), (0.12, -0.12), strict=False):
        interval = found["f1_weighted"]
        if np.isfinite(interval.low):
            axes.hlines(
                top + shift,
                interval.low,
                interval.high,
                color="black",
                linestyle=style,
                linewidth=1.5,
                label=f"over {unit}s",
            )
            ends[top] = max(ends[top], interval.high)
    for row, value in enumerate(values):
        axes.text(ends[row] + 0.01, row, f"{value:.3f}", va="center", fontsize=9)
    if result.intervals:
        legend(figure)
    axes.set(xlim=(0, 1.12), xlabel="weighted F (grey: does not listen; blue: listens a little)")
    return figure


def _reliability(calibration: Calibration) -> Any:
    figure, axes = new_axes(f"Reliability of whole clips (expected calibration error {calibration.ece:.3f})")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfectly calibrated")
    expected, observed, counts = zip(*calibration.bins, strict=True)
    axes.plot(expected, observed, color=BLUE, linewidth=1.5, marker="o", label="this run")
    for x, y, count in zip(expected, observed, counts, strict=True):
        axes.annotate(str(count), (x, y), textcoords="offset points", xytext=(4, 4), fontsize=8)
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1.05),
        xlabel="mean probability of sarcastic (number: clips)",
        ylabel="share that is sarcastic",
    )
    legend(figure)
    return figure

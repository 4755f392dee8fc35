"""Pictures of a run, drawn with matplotlib; colours are told apart by colour-blind readers and in print.

Colours: Okabe & Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sarcasm.scoring import CLASSES, Calibration, Result, Scores

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"


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
        figure.text(0.01, 0.005, note, fontsize=7, color=GREY, va="bottom")
    return {name: _png(figure) for name, figure in drawn.items()}


def _png(figure: Any) -> bytes:
    picture = io.BytesIO()
    # Packed tightly, a picture would take four times as long and two thirds of the room.
    figure.savefig(picture, format="png", pil_kwargs={"compress_level": 1})
    return picture.getvalue()


def _axes(title: str, width: float = 5.6, height: float = 4.0) -> tuple[Any, Any]:
    # Figure instead of pyplot: no global state, and pyplot alone takes a second to import.
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # The strip at the foot is left to the note.
    figure = Figure(figsize=(width, height), dpi=150, layout=ConstrainedLayoutEngine(rect=(0, 0.03, 1, 0.97)))
    axes = figure.subplots()
    axes.set_title(title, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(figure: Any) -> None:
    # Above the axes, where it covers no bar and no point.
    figure.legend(fontsize=8, frameon=False, loc="outside upper right", ncols=2)


def _loss(losses: Mapping[str, Sequence[float]]) -> Any:
    figure, axes = _axes("Training loss")
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
    figure, axes = _axes(f"Confusion, {level} level (counts, share of the row)")
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
    figure, axes = _axes("Weighted F over utterances, with its 95 % intervals")
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
        _legend(figure)
    axes.set(xlim=(0, 1.12), xlabel="weighted F (grey: does not listen; blue: listens a little)")
    return figure


def _reliability(calibration: Calibration) -> Any:
    figure, axes = _axes(f"Reliability of whole clips (expected calibration error {calibration.ece:.3f})")
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
    _legend(figure)
    return figure

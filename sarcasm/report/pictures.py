"""Pictures of a run, drawn with matplotlib; colours are told apart by colour-blind readers and in print.

Colours: Okabe & Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sarcasm.scoring import CLASSES, Baseline, Scores

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"


def pictures(
    losses: Mapping[str, Sequence[float]], scores: Mapping[str, Scores], compared: Sequence[Baseline], note: str
) -> dict[str, bytes]:
    """Draw every picture.

    Args:
        losses: fold -> loss of each step.
        scores: level -> scores.
        compared: the baselines.
        note: stands in small print under each picture; says so where data or weights are made up.

    Returns:
        name -> PNG.
    """
    drawn = {"loss": _loss(losses), "scores": _scores(scores["utterance"], compared)}
    drawn |= {f"confusion_{level}": _confusion(level, each) for level, each in scores.items()}
    for figure in drawn.values():
        figure.text(0.01, 0.005, note, fontsize=7, color=GREY, va="bottom")
    return {name: _png(figure) for name, figure in drawn.items()}


def _png(figure: Any) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
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


def _loss(losses: Mapping[str, Sequence[float]]) -> Any:
    figure, axes = _axes("Training loss")
    for fold, values in losses.items():
        axes.plot(
            np.arange(len(values)),
            values,
            color=BLUE,
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


def _scores(scores: Scores, compared: Sequence[Baseline]) -> Any:
    figure, axes = _axes("Weighted F over utterances")
    bars = [("this run", scores.f1_weighted, ORANGE)]
    bars += [(each.name.replace("_", " "), each.scores.f1_weighted, GREY) for each in compared]
    names, values, colours = zip(*reversed(bars), strict=True)
    axes.barh(names, values, color=colours)
    for row, value in enumerate(values):
        axes.text(value + 0.01, row, f"{value:.3f}", va="center", fontsize=9)
    axes.set(xlim=(0, 1.08), xlabel="weighted F")
    return figure

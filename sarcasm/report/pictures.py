"""Pictures of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sarcasm.report.drawing import (
    BLUE,
    DASHES,
    GREY,
    MARKS,
    MOST_DRAWN,
    OKABE_ITO,
    ORANGE,
    legend,
    new_axes,
    new_figure,
    note_at_foot,
    png,
    style,
    svg,
)
from sarcasm.report.escaping import picture_text
from sarcasm.report.layout import LABELS, Layout
from sarcasm.report.words import shortened
from sarcasm.scoring import CLASSES, Calibration, Curve, Result, Scores

MOST_GROUPS = len(OKABE_ITO)
"""Speakers or shows that are told apart on the map; the others are grey."""
LONGEST_GROUP = 24
SHARES = (0, 0.25, 0.5, 0.75, 1)
"""Marks of an axis of shares; each mark costs time."""
CURVES = {
    "roc": ("ROC", "AUROC", "false positive rate", "true positive rate"),
    "precision_recall": ("Precision-recall", "average precision", "recall", "precision"),
}
"""Name of a curve -> its title, what its area is called, and its axes."""


@dataclass(frozen=True)
class Losses:
    """What a fit loses as it is trained.

    Attributes:
        training: of each step, before its update; empty for one that is not trained in steps.
        validation: step -> loss on the validation rows, where there are some.
    """

    training: Sequence[float]
    validation: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        png, svg: the same in two formats.
        alt: what it shows, in words.
        is_wide: whether it has several plots beside each other.
    """

    png: bytes
    svg: bytes
    alt: str
    is_wide: bool = False


def pictures(losses: Mapping[str, Losses], result: Result, layout: Layout, note: str) -> dict[str, Picture]:
    """Draw every picture.

    Args:
        losses: name of the fit -> its losses.
        result: what the run is worth.
        layout: where the map has each clip.
        note: stands in small print under each picture; says so where data or weights are made up.

    Returns:
        By name, in the order of a page.
    """
    found = {}
    for name, figure, alt in _figures(losses, result, layout):
        note_at_foot(figure, note)
        found[name] = Picture(png(figure), svg(figure), alt, name == "map")
    return found


def _figures(losses: Mapping[str, Losses], result: Result, layout: Layout) -> Iterator[tuple[str, Any, str]]:
    """Name, figure and words of each picture."""
    if any(each.training for each in losses.values()):
        yield "loss", *_loss(losses)
    yield "scores", *_scores(result)
    for level, scores in result.scores.items():
        yield f"confusion_{level}", *_confusion(level, scores)
    for name, curve in result.curves.items():
        yield name, *_curve(name, curve)
    yield "reliability", *_reliability(result.calibration)
    yield "map", *_map(layout)


def _loss(losses: Mapping[str, Losses]) -> tuple[Any, str]:
    has_validation = any(each.validation for each in losses.values())
    title = "Training and validation loss" if has_validation else "Training loss"
    figure, axes = new_axes(title)
    faint = {"linewidth": 1.5, "markersize": 3, "alpha": 1 if len(losses) == 1 else 0.5}
    for number, each in enumerate(losses.values()):
        steps = range(len(each.training))
        axes.plot(steps, each.training, color=BLUE, marker=MARKS[0] if len(steps) <= 50 else "",
                  label="" if number else "training", **faint)  # fmt: skip
        if each.validation:
            axes.plot(list(each.validation), list(each.validation.values()), color=ORANGE, linestyle="--",
                      marker=MARKS[1] if len(each.validation) <= 50 else "", label="" if number else "validation",
                      **faint)  # fmt: skip
    axes.set(xlabel="step", ylabel="mean sigmoid cross-entropy")
    axes.set_ylim(bottom=0)
    if has_validation:
        legend(figure)
    fits = "" if len(losses) == 1 else f" of {len(losses)} fits"
    ends = [each.training[-1] for each in losses.values() if each.training]
    return figure, f"{title}{fits} by step; the training loss ends at {np.mean(ends):.3g}."


def _confusion(level: str, scores: Scores) -> tuple[Any, str]:
    figure, axes = new_axes(f"Confusion, {level} level (counts, share of the row)")
    counts = scores.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center", color=colour)
    labelled, decided = ([name.replace("_", "-") for name in names] for names in (CLASSES, scores.decided))
    axes.set_xticks(range(len(decided)), decided)
    axes.set_yticks(range(len(labelled)), labelled)
    axes.set(xlabel="decided", ylabel="labelled")
    cells = "; ".join(
        f"of {row.sum()} {name}, {', '.join(f'{n} decided {said}' for n, said in zip(row, decided, strict=True))}"
        for name, row in zip(labelled, counts, strict=True)
    )
    return figure, f"Confusion matrix, {level} level: {cells}."


def _scores(result: Result) -> tuple[Any, str]:
    figure, axes = new_axes("Weighted F over utterances, with 95 % intervals")
    own = result.scores["utterance"].f1_weighted
    found = {unit: each["f1_weighted"] for unit, each in result.intervals.items()}
    over = [(each.low, each.high) for unit, each in found.items() if unit == "utterance"]
    # Told apart by hatching where there is no colour.
    bars = [("this run", own, ORANGE, "", over[0] if over else (np.nan, np.nan))]
    bars += [
        (each.name.replace("_", " ").replace("svm", "SVM"), each.scores.f1_weighted, GREY if each.is_deaf else BLUE,
         "" if each.is_deaf else "///", each.interval)
        for each in result.baselines
    ]  # fmt: skip
    names, values, colours, hatches, ends = zip(*reversed(bars), strict=True)
    axes.barh(names, values, color=colours, hatch=hatches, edgecolor="white", linewidth=0)
    top, right = len(bars) - 1, list(values)
    has_speakers = "speaker" in found and np.isfinite(found["speaker"].low)
    for row, (low, high) in enumerate(ends):
        if np.isfinite(low):
            shift = 0.12 if row == top and has_speakers else 0
            axes.hlines(row + shift, low, high, color="black", linewidth=1.5, label="over utterances" * (row == top))
            right[row] = max(right[row], high)
    if has_speakers:
        axes.hlines(top - 0.12, found["speaker"].low, found["speaker"].high, color="black", linestyle=":",
                    linewidth=1.5, label="over speakers")  # fmt: skip
        right[top] = max(right[top], found["speaker"].high)
    for row, value in enumerate(values):
        axes.text(right[row] + 0.01, row, f"{value:.3f}", va="center", fontsize=9)
    if axes.get_legend_handles_labels()[0]:
        legend(figure)
    axes.set(xlim=(0, 1.12), xlabel="weighted F (grey: does not listen; hatched: listens a little)")
    said = ", ".join(f"{name} {value:.3f}" for name, value, *_ in bars)
    return figure, f"Bars of weighted F over utterances: {said}."


def _curve(name: str, curve: Curve) -> tuple[Any, str]:
    title, area, x_words, y_words = CURVES[name]
    low, high = curve.interval
    words = f"{area} {curve.area:.3f}" + (f" ({low:.3f} to {high:.3f})" if np.isfinite(low) else "")
    figure, axes = new_axes(f"{title}: {words}")
    if np.isfinite(curve.low).any():
        axes.fill_between(curve.places, curve.low, curve.high, color=BLUE, alpha=0.2, linewidth=0,
                          label=f"95 % band over {curve.n_units} whole clips")  # fmt: skip
    # A curve of precision holds its height back to the recall before.
    drawn = "default" if name == "roc" else "steps-pre"
    axes.plot(curve.x, curve.y, color=BLUE, linewidth=1.5, drawstyle=drawn, label="this run")
    coin = [0, 1] if name == "roc" else [curve.chance] * 2
    axes.plot([0, 1], coin, color="#666666", linewidth=1, linestyle=DASHES[1], label="a coin")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), xticks=SHARES, yticks=SHARES, xlabel=x_words, ylabel=y_words)
    legend(figure, n_columns=3)
    return figure, f"{title} curve of whole clips: {words}; a coin has {curve.chance:.3f}."


def _reliability(calibration: Calibration) -> tuple[Any, str]:
    figure, axes = new_axes(f"Reliability of whole clips (expected calibration error {calibration.ece:.3f})")
    axes.plot([0, 1], [0, 1], color="#666666", linewidth=1, linestyle="--", label="perfectly calibrated")
    expected, observed, counts = zip(*calibration.bins, strict=True)
    lows, highs = zip(*calibration.intervals, strict=True)
    axes.vlines(expected, lows, highs, color=BLUE, linewidth=1.2, alpha=0.6, label="95 % interval (Wilson)")
    axes.plot(expected, observed, color=BLUE, linewidth=1.5, marker=MARKS[0], label="this run")
    for x, y, count in zip(expected, observed, counts, strict=True):
        axes.annotate(str(count), (x, y), textcoords="offset points", xytext=(4, 4), fontsize=8)
    axes.set(
        xlim=(0, 1),
        ylim=(-0.02, 1.05),
        xticks=SHARES,
        yticks=SHARES,
        xlabel="mean probability of sarcastic (number: clips)",
        ylabel="share that is sarcastic",
    )
    legend(figure, n_columns=3)
    bins = "; ".join(f"{x:.2f}, of which {y:.0%} are ({n} clips)" for x, y, n in calibration.bins)
    return figure, f"Reliability curve: probability of sarcastic {bins}."


def _map(layout: Layout) -> tuple[Any, str]:
    figure = new_figure(4.2 * max(2, len(layout.groups)), 4.6)
    places = layout.places
    is_large = len(places) > MOST_DRAWN
    for axes, (what, groups) in zip(
        np.ravel(figure.subplots(1, len(layout.groups), sharex=True, sharey=True)), layout.groups.items(), strict=True
    ):
        style(axes, f"{layout.title}, by {what}")
        # Labels always look the same; of speakers and shows, the most frequent have a look of their own.
        common = LABELS if what == "label" else [group for group, _ in Counter(filter(None, groups)).most_common()]
        named = [group for group in common if group in groups][:MOST_GROUPS]
        kinds = [(GREY, ".", "", [group not in named for group in groups])]
        kinds += [
            (colour, mark, group, [each == group for each in groups])
            for colour, mark, group in zip(OKABE_ITO, MARKS, named, strict=False)
        ]
        for colour, mark, group, chosen in kinds:
            if any(chosen):
                label = f"{shortened(group, LONGEST_GROUP) if group else 'others'} ({sum(chosen)})"
                axes.scatter(*places[chosen].T, s=12 if is_large else 22, color=colour, marker=mark, alpha=0.75,
                             linewidths=0, label=picture_text(label), rasterized=is_large)  # fmt: skip
        # Of the numbers themselves nothing can be read.
        axes.set(xticks=[], yticks=[])
        axes.set_xlabel(layout.axes[0], fontsize=9)
        axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2,
                    columnspacing=1, handletextpad=0.2)  # fmt: skip
    figure.axes[0].set_ylabel(layout.axes[1], fontsize=9)
    return figure, f"Map of {len(places)} clips ({layout.title}), by {', '.join(layout.groups)}."

"""Pictures of a sweep: what each setting scores, and what each option does to the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sarcasm.report.drawing import BLUE, GREY, ORANGE, legend, new_axes, new_figure, style
from sarcasm.report.escaping import picture_text
from sarcasm.report.words import shortened

MOST_SETTINGS = 40
MOST_OPTIONS, OPTIONS_IN_A_ROW = 12, 3
MOST_MARKS = 8
"""Values of an option that stand beside each other; more numbers lie on a scale."""
LONG_LABEL = 7
"""Characters of a value; longer ones are written aslant where there are several."""
WIDE_RANGE = 50.0
"""Largest value over smallest, from which on a scale is logarithmic."""
NAME_CHARACTERS, VALUE_CHARACTERS = 30, 18
"""Of an option and of its values; the middle of longer ones is left out."""


@dataclass(frozen=True)
class SettingScores:
    """What one setting of a sweep scores.

    Attributes:
        name: its choices.
        scores: weighted F of each of its jobs; one or more.
        interval: ends of the 95 % interval over utterances, or None.
        deaf: weighted F of the best rule that does not listen, the mean over its jobs; None where it is not known.
        is_best: whether it was chosen.
    """

    name: str
    scores: Sequence[float]
    interval: tuple[float, float] | None
    deaf: float | None
    is_best: bool

    @property
    def mean(self) -> float:
        """Over its jobs."""
        return float(np.mean(self.scores))


def settings_picture(settings: Sequence[SettingScores]) -> Any:
    """A row for each setting, the highest mean on top; of many, the highest and the lowest ones."""
    ranked = sorted(settings, key=lambda setting: -setting.mean)
    half, label = MOST_SETTINGS // 2, "weighted F"
    if len(ranked) > MOST_SETTINGS:
        label += f" of the {half} highest and the {half} lowest of {len(ranked)} settings"
        ranked = ranked[:half] + ranked[-half:]
    figure, axes = new_axes("Weighted F over test utterances", 8.0, 1.5 + 0.24 * len(ranked))
    for row, each in enumerate(ranked):
        colour = ORANGE if each.is_best else BLUE
        if each.deaf is not None:
            axes.vlines(each.deaf, row - 0.5, row + 0.5, color=GREY, linewidth=1.2)
        if each.interval:
            axes.hlines(row, *each.interval, color=colour, linewidth=1.2, alpha=0.6)
        if len(each.scores) > 1:
            axes.plot(each.scores, [row] * len(each.scores), "o", color=colour, markersize=3.5, alpha=0.5, mew=0)
        axes.plot(each.mean, row, "D" if len(each.scores) > 1 else "o", color=colour, markersize=5.5, mew=0)
        axes.annotate(
            f"{each.mean:.3f}", (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=colour
        )
    if len(settings) > MOST_SETTINGS:
        axes.axhline(half - 0.5, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(ranked)), [picture_text(each.name) for each in ranked], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(ranked) - 0.4, -0.6)
    axes.set_xlabel(label, fontsize=9)
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.6)
    if _explain(axes, ranked):
        legend(figure, n_columns=5)
    return figure


def _explain(axes: Any, settings: Sequence[SettingScores]) -> bool:
    """Make entries of the legend for what occurs; whether there are any."""
    grey = {"color": GREY, "linestyle": "none"}
    if any(len(each.scores) > 1 for each in settings):
        axes.plot([], [], marker="D", markersize=5.5, label="mean", **grey)
        axes.plot([], [], marker="o", markersize=3.5, label="one job", **grey)
    if any(each.interval for each in settings):
        axes.plot([], [], color=BLUE, linewidth=1.2, alpha=0.6, label="95 % interval over utterances")
    if any(each.deaf is not None for each in settings):
        axes.plot([], [], marker="|", markersize=9, mew=1.5, label="best rule that does not listen", **grey)
    if any(each.is_best for each in settings):
        axes.plot([], [], marker="s", markersize=5, color=ORANGE, linestyle="none", label="chosen")
    return bool(axes.get_legend_handles_labels()[0])


def effects_picture(options: Mapping[str, Sequence[tuple[str, float]]]) -> Any:
    """A plot for each option: the jobs by its value, and the mean of those with the same value.

    Args:
        options: name -> the value and the weighted F of each job; one option or more.
    """
    shown = dict(list(options.items())[:MOST_OPTIONS])
    n_columns = min(len(shown), OPTIONS_IN_A_ROW)
    n_rows = -(-len(shown) // n_columns)
    figure = new_figure(max(5.6, 3.0 * n_columns), 0.6 + 2.6 * n_rows)
    grid = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    for axes, (name, points) in zip(grid, shown.items(), strict=False):
        style(axes, shortened(name, NAME_CHARACTERS))
        axes.tick_params(labelsize=8)
        _effect(axes, points)
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    for axes in grid[::n_columns]:
        axes.set_ylabel("weighted F", fontsize=9)
    more = f", the first {MOST_OPTIONS} of {len(options)} options" if len(options) > MOST_OPTIONS else ""
    figure.suptitle(f"Jobs, and means over all jobs of a value{more}", fontsize=9, color=GREY, x=0.01, ha="left")
    return figure


def _effect(axes: Any, points: Sequence[tuple[str, float]]) -> None:
    values = list(dict.fromkeys(value for value, _ in points))
    if found := numbers(values):
        values = [value for _, value in sorted(zip(found, values, strict=True))]
    on_scale = bool(found) and len(values) > MOST_MARKS
    places = {value: float(value) if on_scale else place for place, value in enumerate(values)}
    axes.plot([places[value] for value, _ in points], [score for _, score in points], "o", color=BLUE, markersize=4,
              alpha=0.5, mew=0)  # fmt: skip
    means = [float(np.mean([score for other, score in points if other == value])) for value in values]
    if on_scale:
        if len(points) > len(values):
            axes.plot(list(places.values()), means, color="black", linewidth=1)
        if min(places.values()) > 0 and max(places.values()) / min(places.values()) >= WIDE_RANGE:
            axes.set_xscale("log")
        return
    axes.plot(range(len(values)), means, "_", color="black", markersize=18, mew=1.8)
    is_long = (len(values) > 2 and max(map(len, values)) > LONG_LABEL) or len(values) > MOST_MARKS
    aslant: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if is_long else {}
    axes.set_xticks(
        range(len(values)), [picture_text(shortened(value, VALUE_CHARACTERS)) for value in values], fontsize=8, **aslant
    )
    axes.set_xlim(-0.6, len(values) - 0.4)


def numbers(values: Sequence[str]) -> list[float] | None:
    """Texts as numbers; None where one of them is none."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return None

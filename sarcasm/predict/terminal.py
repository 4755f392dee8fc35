"""What a person sees of predictions: a table on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sarcasm.packaged import Description, Prediction
from sarcasm.terminal import screen, visible

LEVELS, PLAIN_LEVELS = "▁▂▃▄▅▆▇█", "12345678"
"""Heights of bars; the latter where the terminal has no letters for them."""
WIDEST = 30
"""Characters for the pieces of a clip; where there are more, one stands for the mean over some."""


def say_predictions(description: Description, said: Sequence[tuple[Path, Prediction]]) -> None:
    """Print a line for each clip, under what the model is.

    Args:
        description: of the model.
        said: each clip and what the model says of it.
    """
    console = screen.stdout()
    levels = LEVELS if visible(LEVELS, console.encoding) == LEVELS else PLAIN_LEVELS
    threshold = said[0][1].threshold if said else 0.5
    model = f"{description.run_name} [{description.run_id[:8]}]" if description.run_id else description.run_name
    console.say(f"model {model}, trained on {description.dataset}")
    table = screen.grid(pad_edge=False)
    table.add_column("clip", overflow="fold")
    table.add_column("seconds", justify="right")
    table.add_column(f"P({description.labels[0]})", justify="right", no_wrap=True)
    table.add_column("label", no_wrap=True)
    table.add_column("pieces", no_wrap=True)
    for path, prediction in said:
        table.add_row(
            str(path), f"{prediction.seconds:.1f}", f"{prediction.probability:.3f}", prediction.label,
            sparkline([piece.probability for piece in prediction.pieces], levels),
        )  # fmt: skip
    console.show(table)
    rule = "each class is decided by itself" if description.decision.value == "round" else f"from {threshold:.3f} on"
    console.say(f"Decided {description.labels[0]}: {rule}.")


def sparkline(probabilities: Sequence[float], levels: str = LEVELS) -> str:
    """Probabilities as bars of eight heights, low to high, no more than fit on a line."""
    n_columns = min(len(probabilities), WIDEST)
    means = [float(np.mean(part)) for part in np.array_split(np.asarray(probabilities), n_columns)]
    return "".join(levels[min(int(value * len(levels)), len(levels) - 1)] for value in means)

"""A doctor: what is there, what is missing and how to get it, and whether any of it is broken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sarcasm.check import clips, environment, weights
from sarcasm.check.findings import Balance, Finding, Report, State
from sarcasm.corpus import Dataset
from sarcasm.prepare.source import Source
from sarcasm.tracking import Tracking

__all__ = ["Balance", "Finding", "Report", "State", "check"]


def check(
    datasets: Sequence[Dataset],
    checkpoint: Path | None,
    params: Path,
    sources: tuple[Source, Source],
    tracking: Tracking,
    project: Path,
    named: str,
) -> Report:
    """Look at everything a run needs.

    Args:
        datasets: what to look at.
        checkpoint: VGGish's weights; None where another embedding was chosen.
        params: the PCA parameters.
        sources: where these two come from.
        tracking: the store of runs.
        project: the folder that holds train.py.
        named: the dataset that was asked for by name, or "".
    """
    findings: list[Finding] = []
    balances: list[Balance] = []
    for dataset in datasets:
        found, balance = clips.examine(dataset)
        findings += found
        balances += [balance] if balance else []
    if checkpoint is not None:
        findings += weights.examine(checkpoint, params, sources)
    places = [project, params.parent, *(Path(dataset.source).resolve().parent for dataset in datasets)]
    findings += environment.examine(tracking, project, places)
    return Report(tuple(findings), tuple(balances), named)

"""What a check finds, and how bad it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class State(Enum):
    """How bad a finding is."""

    ok = "ok"
    note = "note"
    """Unusual, yet fit for use: worth knowing."""
    missing = "missing"
    """Not there; a command fetches it."""
    broken = "broken"
    """Has to be mended before results can be trusted."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: what it belongs to: the name of a dataset, "vggish" or "environment".
        what: the thing.
        state: how it is.
        detail: what was found.
        fix: what to do about it, or "".
        clips: ids of the clips it is about, sorted.
    """

    area: str
    what: str
    state: State
    detail: str
    fix: str = ""
    clips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Clips of one class, show or speaker.

    Attributes:
        name: of the group.
        n_clips: how many there are.
        n_sarcastic: how many of them are sarcastic.
        seconds: of sound, of those that can be read.
    """

    name: str
    n_clips: int
    n_sarcastic: int
    seconds: float


@dataclass(frozen=True)
class Balance:
    """How the classes of a dataset are spread.

    Attributes:
        dataset: its name.
        classes: sarcastic and not.
        shows: one for each show.
        speakers: one for each speaker of a show, named SHOW / SPEAKER.
    """

    dataset: str
    classes: tuple[Group, ...]
    shows: tuple[Group, ...]
    speakers: tuple[Group, ...]


@dataclass(frozen=True)
class Report:
    """Everything that was found.

    Attributes:
        findings: in the order they were looked for.
        balances: one for each dataset that could be read.
        named: the dataset that was asked for by name, or ""; should it be missing, that is as bad as broken.
    """

    findings: tuple[Finding, ...]
    balances: tuple[Balance, ...] = ()
    named: str = ""

    @property
    def bad(self) -> tuple[Finding, ...]:
        """What keeps the report from being good."""
        return tuple(
            finding
            for finding in self.findings
            if finding.state is State.broken or (finding.state is State.missing and finding.area == self.named)
        )

    def as_json(self) -> dict[str, Any]:
        """The report in plain values: `is_broken`, `findings` and `balances`, with the names of the attributes."""
        findings = [{**asdict(finding), "state": finding.state.value} for finding in self.findings]
        return {"is_broken": bool(self.bad), "findings": findings, "balances": [asdict(each) for each in self.balances]}


def grouped(name: str, members: Iterable[tuple[bool, float]]) -> Group:
    """A group of clips, each given by whether it is sarcastic and how many seconds it lasts."""
    members = list(members)
    seconds = round(sum(seconds for _, seconds in members), 2)
    return Group(name, len(members), sum(is_sarcastic for is_sarcastic, _ in members), seconds)

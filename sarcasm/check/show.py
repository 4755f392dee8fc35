"""A report on the terminal."""

from __future__ import annotations

from rich.text import Text

from sarcasm.check.findings import Balance, Group, Report, State
from sarcasm.corpus.dataset import MOST_LISTED
from sarcasm.terminal import one_line, screen
from sarcasm.terminal.screen import Grid

STYLES = {State.ok: "green", State.note: "yellow", State.missing: "magenta", State.broken: "bold red"}
MOST_GROUPS = 8


def show(report: Report) -> None:
    """Print what was found, the balance of the classes, and a verdict, on stdout."""
    console = screen.stdout()
    table = screen.grid("", "", "", show_header=False)
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    table.columns[2].overflow = "fold"
    area = None
    for finding in report.findings:
        if finding.area != area:
            table.add_row("", Text(finding.area, style="bold"), "")
            area = finding.area
        detail = Text(one_line(finding.detail))
        if finding.clips:
            more = f" and {len(finding.clips) - MOST_LISTED} more" if len(finding.clips) > MOST_LISTED else ""
            named = one_line(", ".join(finding.clips[:MOST_LISTED]))
            detail.append(f"\n{len(finding.clips)}: {named}{more}", style="dim")
        if finding.fix:
            detail.append(f"\n-> {one_line(finding.fix)}", style="cyan")
        table.add_row(Text(finding.state.value, style=STYLES[finding.state]), finding.what, detail)
    console.show(table)
    for balance in report.balances:
        console.show(_balance(balance))
    console.say(_verdict(report), "bold red" if report.bad else "bold green")


def _balance(balance: Balance) -> Grid:
    table = screen.grid(f"\n{one_line(balance.dataset)}", "\nclips", "\nsarcastic", "\nseconds")
    for column in table.columns[1:]:
        column.justify = "right"
    for group in balance.classes:
        table.add_row(group.name, str(group.n_clips), "", f"{group.seconds:.0f}")
    for groups in (balance.shows, balance.speakers):
        for group in groups[:MOST_GROUPS]:
            table.add_row(*_row(group))
        if len(groups) > MOST_GROUPS:
            table.add_row(Text(f"and {len(groups) - MOST_GROUPS} more", style="dim"), "", "", "")
    return table


def _row(group: Group) -> tuple[str, str, str, str]:
    share = f"{group.n_sarcastic} ({group.n_sarcastic / group.n_clips:.0%})"
    return group.name, str(group.n_clips), share, f"{group.seconds:.0f}"


def _verdict(report: Report) -> str:
    if not report.bad:
        missing = [f"{finding.area}: {finding.what}" for finding in report.findings if finding.state is State.missing]
        return f"Nothing is broken; not there: {', '.join(missing)}." if missing else "Nothing is broken."
    things = ", ".join(dict.fromkeys(f"{finding.area}: {finding.what}" for finding in report.bad))
    are = "thing is not as it" if len(report.bad) == 1 else "things are not as they"
    return f"{len(report.bad)} {are} should be: {things}"

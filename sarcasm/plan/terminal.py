"""A plan, as a person sees it."""

from __future__ import annotations

from sarcasm.plan.jobs import Job, Plan


def say(found: Plan) -> None:
    """Print a plan on stdout."""
    from sarcasm.terminal import screen

    console = screen.stdout()
    shared = set.intersection(*(set(job.overrides) for job in found.jobs)) if len(found.jobs) > 1 else set()
    table = screen.grid("job", "options", "what", "to embed", "takes")
    for number, job in enumerate(found.jobs):
        own = " ".join(word for word in job.overrides if word not in shared)
        n_to_embed = f"{job.n_to_embed} of {job.n_clips}" if job.is_to_do and job.n_to_embed else ""
        takes = _duration(job.seconds) if job.is_to_do and job.seconds is not None else ""
        table.add_row(str(number), own, _what(job), n_to_embed, takes)
    if shared:
        console.say(f"All jobs: {' '.join(word for word in found.jobs[0].overrides if word in shared)}")
    console.show(table)
    todo = [job for job in found.jobs if job.is_to_do]
    counts: dict[str, int] = {
        "done": sum(bool(job.done) for job in found.jobs),
        "the same as another": sum(job.same_as is not None for job in found.jobs),
        "wrong": sum(bool(job.problem) for job in found.jobs),
        "to do": len(todo),
    }
    said = ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "to do")
    console.say()
    console.say(f"{len(found.jobs)} jobs: {said}.")
    if found.chooser:
        console.say(
            f"{found.chooser.rpartition('.')[2]} chooses its jobs as it goes: this is what they have in common."
        )
    n_clips = sum(job.n_to_embed for job in todo)
    console.say(f"To embed: {n_clips} clips; all others are in the store." if n_clips else "Nothing is to be embedded.")
    known = [job.seconds for job in todo if job.seconds is not None]
    if len(known) < len(todo):
        console.say(f"How long {len(todo) - len(known)} of the jobs take no past run tells.")
    if known:
        console.say(
            f"One job after another: about {_duration(sum(known))}, by {found.n_past} past runs; several at a time take"
            " less.")  # fmt: skip


def _what(job: Job) -> str:
    if job.problem:
        return f"wrong: {job.problem}"
    if job.same_as is not None:
        return f"the same as job {job.same_as}"
    return f"done: run {job.done[:8]}" if job.done else "to do"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

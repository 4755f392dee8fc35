"""Are the clips of a dataset fit for use? Every clip is decoded once, at the rate it has."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sarcasm.advice import how_to_prepare, how_to_remake
from sarcasm.audio import SILENT_PEAK, Condition, survey
from sarcasm.check.findings import Balance, Finding, Group, State, grouped
from sarcasm.corpus import Corpus, Dataset, Utterance
from sarcasm.corpus.dataset import MOST_LISTED
from sarcasm.corpus.provenance import MANIFEST, Record, read_records
from sarcasm.errors import AudioError, CorpusError
from sarcasm.files import NOT_THE_FILE
from sarcasm.splits import case_warnings

READING_THREADS = 2
SHORT_SECONDS = 0.975
"""One example of VGGish (vggish_params.py: 96 frames of 10 ms and the rest of the last window)."""
LONG_SECONDS = 30.0
"""Six times the mean of MUStARD's clips; a single utterance does not last longer."""
FULL_SCALE = 0.999
CLIPPED_RUN = 3
"""Successive samples at full scale: one or two occur in any loud recording, three make a flat top."""
MOSTLY = 0.5
"""Share of what is heard of a clip, from which on it is not fit for use without that."""
UNHEARD = Condition(0.0)
SWAP = "turn one channel's sign, or keep one channel alone: ffmpeg -i CLIP -af 'pan=mono|c0=c0' NEW.wav"
RAREST_CLASS = 0.1
"""Smaller share of a class than can be scored on a test side of a fifth of the clips."""
FEW_CLIPS = 20
"""That are missing and named one by one in the command that makes them."""


@dataclass(frozen=True)
class _Heard:
    """What a clip sounds like, or why it cannot be heard."""

    fault: str = ""
    seconds: float = 0.0
    sample_rate: int = 0
    condition: Condition = UNHEARD
    is_clipped: bool = False
    digest: str = ""

    @property
    def cancelled_share(self) -> float:
        """Of what is heard; 0 where it is not worth a word."""
        each = self.condition
        return each.cancelled_seconds / each.heard_seconds if each.cancels_out else 0


def examine(dataset: Dataset) -> tuple[list[Finding], Balance | None]:
    """Look at the labels and at every clip.

    Args:
        dataset: what to look at.

    Returns:
        The findings, and the balance of the classes; None where the labels or the folder cannot be read at all.
    """
    # Too many missing, too, is a finding, and no reason to stop looking.
    lenient = replace(dataset, max_missing=1.0)
    try:
        corpus = lenient.read()
    except CorpusError as error:
        state = State.missing if "is not there" in str(error) else State.broken
        return [Finding(dataset.name, "labels and clips", state, *_cut(str(error)))], None
    heard = _listen(corpus.utterances)
    findings = [
        *_of_files(dataset, corpus),
        *_of_names(dataset, corpus),
        *_of_sound(dataset, corpus, heard),
        *_of_records(dataset, corpus),
    ]
    balance = _balance(dataset.name, corpus, heard)
    findings += _of_balance(balance)
    n_bad = len({id_ for finding in findings if finding.state is State.broken for id_ in finding.clips})
    seconds = sum(each.seconds for each in heard.values())
    whole = f"{len(corpus.utterances)} clips, {seconds:.0f} s; fingerprint {corpus.fingerprint}"
    state = State.broken if n_bad else State.ok
    return [
        Finding(dataset.name, "clips", state, f"{whole}{f'; {n_bad} to be mended' if n_bad else ''}"),
        *findings,
    ], balance


def _cut(message: str) -> tuple[str, str]:
    """What was wrong and what to do, which an error says after its first semicolon."""
    detail, _, fix = message.partition("; ")
    return detail, fix


def _listen(utterances: Sequence[Utterance]) -> dict[str, _Heard]:
    with ThreadPoolExecutor(READING_THREADS) as threads:
        return dict(zip((each.id for each in utterances), threads.map(_hear, utterances), strict=True))


def _hear(utterance: Utterance) -> _Heard:
    digest, flat_top = hashlib.sha256(), _FlatTop()

    def look(block: NDArray[np.float32]) -> None:
        digest.update(np.ascontiguousarray(block).data)
        flat_top.look(block)

    try:
        n_samples, sample_rate, condition = survey(utterance.path, look)
    except AudioError as error:
        return _Heard(fault=str(error).removeprefix(str(utterance.path)).strip())
    return _Heard("", n_samples / sample_rate, sample_rate, condition, flat_top.is_there, digest.hexdigest())


class _FlatTop:
    """Whether successive samples are at full scale, in blocks."""

    def __init__(self) -> None:
        self.is_there = False
        self._last = np.zeros(0, bool)

    def look(self, block: NDArray[np.float32]) -> None:
        is_full = np.concatenate([self._last, np.abs(block) >= FULL_SCALE])
        if len(is_full) >= CLIPPED_RUN:
            self.is_there |= bool(np.lib.stride_tricks.sliding_window_view(is_full, CLIPPED_RUN).all(axis=1).any())
        self._last = is_full[1 - CLIPPED_RUN :]


def _of_files(dataset: Dataset, corpus: Corpus) -> Iterator[Finding]:
    folder = _folder(corpus)
    if corpus.missing:
        n_all = len(corpus.missing) + len(corpus.utterances)
        fix = how_to_prepare(folder)
        if fix and len(corpus.missing) <= FEW_CLIPS:
            fix = _remake({id_: folder / f"{id_}.wav" for id_ in corpus.missing}, corpus.missing)
        fix = fix or "put the files there, or take the labels out"
        detail = f"{len(corpus.missing)} of {n_all} labels {_have(corpus.missing)} no clip in {folder}"
        yield Finding(dataset.name, "missing clips", State.broken, detail, fix, corpus.missing)
    if corpus.unlabelled:
        files = "file" if len(corpus.unlabelled) == 1 else "files"
        are = "is" if len(corpus.unlabelled) == 1 else "are"
        detail = f"{len(corpus.unlabelled)} {files} in {folder} {_have(corpus.unlabelled)} no label and {are} not used"
        yield Finding(dataset.name, "clips without a label", State.note, detail, "", corpus.unlabelled)


def _of_names(dataset: Dataset, corpus: Corpus) -> Iterator[Finding]:
    if warnings := case_warnings(corpus.utterances):
        yield Finding(dataset.name, "names", State.note, " ".join(warnings))


def _of_sound(dataset: Dataset, corpus: Corpus, heard: Mapping[str, _Heard]) -> Iterator[Finding]:
    paths = {utterance.id: utterance.path for utterance in corpus.utterances}
    for reason, ids in _by_reason(heard).items():
        fix = "" if NOT_THE_FILE in reason else _remake(paths, ids)
        yield Finding(dataset.name, "unreadable clips", State.broken, reason, fix, ids)
    sound = {id_: each for id_, each in heard.items() if not each.fault}
    kinds = {
        ("silent clips", State.broken, f"nothing above {20 * np.log10(SILENT_PEAK):.0f} dB of full scale"): [
            id_ for id_, each in sound.items() if each.condition.is_silent
        ],
        (
            "opposite channels",
            State.broken,
            "the channels cancel out: their average, which is what is used, loses most of the sound",
        ): [id_ for id_, each in sound.items() if each.cancelled_share >= MOSTLY],
        ("partly opposite channels", State.note, "the channels cancel out in parts, which their average loses"): [
            id_ for id_, each in sound.items() if 0 < each.cancelled_share < MOSTLY
        ],
        (
            "short clips",
            State.note,
            f"under one example of {SHORT_SECONDS} s; dataset.short_clips says what becomes of them",
        ): [id_ for id_, each in sound.items() if each.seconds < SHORT_SECONDS],
        ("long clips", State.note, f"over {LONG_SECONDS:.0f} s: more than one utterance?"): [
            id_ for id_, each in sound.items() if each.seconds > LONG_SECONDS
        ],
        ("clipped clips", State.note, f"{CLIPPED_RUN} or more samples in a row at full scale or beyond"): [
            id_ for id_, each in sound.items() if each.is_clipped
        ],
    }
    prepared = _as_prepared(corpus)
    for (what, state, detail), members in kinds.items():
        # What was made so cannot be made otherwise: its source is like that.
        as_source = sorted(prepared.intersection(members)) if state is State.broken else []
        if others := sorted(set(members).difference(as_source)):
            fix = SWAP if "opposite" in what else _remake(paths, others) if state is State.broken else ""
            yield Finding(dataset.name, what, state, detail, fix, tuple(others))
        if as_source:
            they, labels = ("it", "its label") if len(as_source) == 1 else ("they", "their labels")
            fix = f"{they} would be made so again; take {labels} out, or give another source"
            yield Finding(dataset.name, what, State.note, detail, fix, tuple(as_source))
    yield from _of_rates(dataset, sound)
    yield from _of_twins(dataset, sound, prepared)


def _of_rates(dataset: Dataset, sound: Mapping[str, _Heard]) -> Iterator[Finding]:
    rates = Counter(each.sample_rate for each in sound.values())
    if len(rates) > 1:
        usual, _ = rates.most_common(1)[0]
        odd = tuple(sorted(id_ for id_, each in sound.items() if each.sample_rate != usual))
        counts = ", ".join(f"{count} at {rate} Hz" for rate, count in rates.most_common())
        yield Finding(dataset.name, "odd sample rates", State.note, f"{counts}; all become 16 kHz", "", odd)


def _as_prepared(corpus: Corpus) -> frozenset[str]:
    try:
        return corpus.as_prepared
    except CorpusError:  # records that cannot be read are a finding of their own
        return frozenset()


def _of_twins(dataset: Dataset, sound: Mapping[str, _Heard], prepared: frozenset[str]) -> Iterator[Finding]:
    twins = defaultdict(list)
    for id_, each in sound.items():
        if each.condition.peak >= SILENT_PEAK:
            twins[each.digest].append(id_)
    same = sorted(sorted(ids) for ids in twins.values() if len(ids) > 1)
    as_source = [group for group in same if prepared.issuperset(group)]
    others = [group for group in same if group not in as_source]
    for groups, state, why in ((others, State.broken, ""), (as_source, State.note, "so are their sources; ")):
        if not groups:
            continue
        named = ", ".join(
            " = ".join([*group[:3], *["..."][: max(0, len(group) - 3)]]) for group in groups[:MOST_LISTED]
        )
        more = f" and {len(groups) - MOST_LISTED} more" if len(groups) > MOST_LISTED else ""
        detail = f"the same sound under several ids: {named}{more}"
        fix = "keep one of each, and take the labels of the others out, or they may stand on both sides of a split"
        ids = tuple(sorted(id_ for group in groups for id_ in group))
        yield Finding(dataset.name, "identical clips", state, detail, f"{why}{fix}", ids)


def _of_records(dataset: Dataset, corpus: Corpus) -> Iterator[Finding]:
    folder = _folder(corpus)
    try:
        records = {id_: each[-1] for id_, each in read_records(folder).items()}
        changed = corpus.changed
    except CorpusError as error:
        yield Finding(dataset.name, "provenance", State.broken, *_cut(str(error)))
        return
    if not records:
        detail = f"{folder} has no {MANIFEST}: it was not made by sarcasm prepare, so changes cannot be noticed"
        yield Finding(dataset.name, "provenance", State.ok if corpus.is_made_up else State.note, detail)
        return
    if changed:
        paths = {utterance.id: utterance.path for utterance in changed}
        detail = f"not the files that {MANIFEST} says were prepared"
        yield Finding(dataset.name, "changed clips", State.broken, detail, _remake(paths, paths), tuple(sorted(paths)))
    own = tuple(sorted(each.id for each in corpus.utterances if each.id not in records))
    if own:
        yield Finding(
            dataset.name, "clips of your own", State.note, f"not in {MANIFEST}: not made by sarcasm prepare", "", own
        )
    warned = tuple(sorted(id_ for id_, record in records.items() if _new_warnings(record)))
    if warned:
        detail = "; ".join(sorted({warning for id_ in warned for warning in _new_warnings(records[id_])})[:5])
        yield Finding(dataset.name, "warnings while prepared", State.note, detail, "", warned)
    tools = Counter((record.tool, str(sorted(record.parameters.items()))) for record in records.values())
    names = ", ".join(sorted({tool for tool, _ in tools}))
    if len(tools) > 1:
        detail = f"made in {len(tools)} different ways ({names})"
        yield Finding(dataset.name, "provenance", State.note, detail, "prepare all with --force to make them alike")
    else:
        counted = "1 record" if len(records) == 1 else f"{len(records)} records, all"
        yield Finding(dataset.name, "provenance", State.ok, f"{counted} by {names}")


def _new_warnings(record: Record) -> list[str]:
    """Without those that are found out anew here."""
    return [warning for warning in record.warnings if not warning.startswith(("silent", "shorter"))]


def _balance(name: str, corpus: Corpus, heard: Mapping[str, _Heard]) -> Balance:
    classes, shows, speakers = defaultdict(list), defaultdict(list), defaultdict(list)
    for each in corpus.utterances:
        member = (each.is_sarcastic, heard[each.id].seconds)
        classes["sarcastic" if each.is_sarcastic else "not sarcastic"].append(member)
        if each.show:
            shows[each.show].append(member)
        if each.speaker:
            speakers[f"{each.show or '-'} / {each.speaker}"].append(member)

    def groups(found: Mapping[str, Iterable[tuple[bool, float]]]) -> tuple[Group, ...]:
        made = (grouped(group, members) for group, members in found.items())
        return tuple(sorted(made, key=lambda group: (-group.n_clips, group.name)))

    return Balance(name, groups(classes), groups(shows), groups(speakers))


def _of_balance(balance: Balance) -> Iterator[Finding]:
    n_all = sum(group.n_clips for group in balance.classes)
    share = sum(group.n_sarcastic for group in balance.classes) / n_all
    if min(share, 1 - share) < RAREST_CLASS:
        detail = f"{share:.0%} of {n_all} clips are sarcastic: weighted F hardly notices the rare class"
        yield Finding(balance.dataset, "class balance", State.note, detail)
    for what, groups in (("shows", balance.shows), ("speakers", balance.speakers)):
        pure = [group for group in groups if group.n_clips > 1 and group.n_sarcastic in (0, group.n_clips)]
        if pure:
            told = [f"{group.name} ({group.n_sarcastic} of {group.n_clips} sarcastic)" for group in pure]
            named = ", ".join([*told[:MOST_LISTED], *["..."][: max(0, len(told) - MOST_LISTED)]])
            give = "gives" if len(pure) == 1 else "give"
            detail = f"{len(pure)} of {len(groups)} {what} {_have(pure)} one class only and {give} it away: {named}"
            yield Finding(balance.dataset, f"{what} of one class", State.note, detail)


def _by_reason(heard: Mapping[str, _Heard]) -> dict[str, tuple[str, ...]]:
    reasons = defaultdict(list)
    for id_, each in heard.items():
        if each.fault:
            reasons[_cut(each.fault)[0]].append(id_)
    return {reason: tuple(sorted(ids)) for reason, ids in sorted(reasons.items())}


def _remake(paths: Mapping[str, Path], ids: Iterable[str]) -> str:
    ids = sorted(ids)
    one = how_to_remake(paths[ids[0]])
    return " ".join([one, *ids[1:]]) if one else "make or copy them again, or take them out"


def _have(things: Sized) -> str:
    return "has" if len(things) == 1 else "have"


def _folder(corpus: Corpus) -> Path:
    return Counter(utterance.path.parent for utterance in corpus.utterances).most_common(1)[0][0]

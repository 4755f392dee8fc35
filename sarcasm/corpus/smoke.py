"""A made-up corpus in MUStARD's layout, to see that everything works without any download.

Forty-eight utterances of six invented speakers in two invented shows, half of them labelled sarcastic, spoken by
`sarcasm.corpus.synthesis`. The label is coded in the delivery as Cheang & Pell 2008 ("The sound of sarcasm", Speech
Communication 50(5), 366-381) found for English: a lower mean pitch, less variation of it, and in some contexts a slower
tempo; a lower sound level is added here. Speakers and single utterances scatter around that, so that no simple rule
tells the classes apart. Nothing can be learnt from it about real sarcasm.

The files differ as found ones do: most are 16-bit at 16 kHz, others stereo, at 8 or 44.1 kHz, of 24 bits or floating,
and one clip is shorter than an example of VGGish. They are written on first use, the same to the byte each time.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from omegaconf import MISSING

from sarcasm.corpus.dataset import MOST_LISTED, listed
from sarcasm.corpus.mustard import Mustard
from sarcasm.corpus.synthesis import Delivery, speak
from sarcasm.corpus.utterance import Corpus
from sarcasm.corpus.wav import Encoding, wav_bytes
from sarcasm.errors import CorpusError
from sarcasm.options import option

VERSION = 1
"""To be raised with any change of what is written: folders of another version are written anew."""
MARKER = "MADE_UP.json"
"""Stands in each folder written here; a folder without it is never touched."""
GENERATOR = "sarcasm.corpus.smoke"
ABOUT = (
    "All sound in this folder is synthesised and its texts are invented: nobody speaks, and nobody is sarcastic. It"
    " only shows that the program works. It may be deleted; it is written again when needed."
)
SEED = 20080501

PITCH_SEMITONES, RANGE_FACTOR, TEMPO_FACTOR, LEVEL_DB = -1.6, 0.7, 0.87, -2.2
"""What sarcasm does to the delivery, on average over the speakers."""
PITCH_SCATTER, RANGE_SCATTER, TEMPO_SCATTER, LEVEL_SCATTER = 1.5, 0.3, 0.12, 2.0
"""Deviation from one utterance to the next: semitones, natural logarithms of factors, dB."""
GRID = 2.0**20
"""Steps in [0, 1] that floating samples are rounded to, so that the last bits of another machine's sine do not show."""
SHORTEST_SECONDS, LONGEST_SECONDS = 1.05, 3.9
"""Of all clips but those below."""
SECONDS = {"1_112": (0.6, 0.6)} | dict.fromkeys(("2_91", "2_94", "2_96", "2_97", "2_99"), (2.1, LONGEST_SECONDS))
"""One clip is too short for an example; the five of the notebook's first section give at least two."""


class _Voice(NamedTuple):
    """How a speaker talks when sincere; `expression` scales what sarcasm does to it."""

    show: str
    pitch_hz: float
    formant_scale: float
    syllables_per_second: float
    breath: float
    level_db: float
    expression: float


class _Format(NamedTuple):
    sample_rate: int = 16_000
    n_channels: int = 1
    encoding: Encoding = "pcm_16"


VOICES = {
    "MARA": _Voice("HARBOUR STREET", 205, 1.16, 5.0, 0.25, -25, 1.0),
    "OTIS": _Voice("HARBOUR STREET", 112, 1.00, 4.6, 0.15, -23, 0.7),
    "JUNE": _Voice("HARBOUR STREET", 228, 1.19, 5.4, 0.30, -26, 1.2),
    "RUTH": _Voice("NIGHT DESK", 188, 1.12, 4.8, 0.20, -24, 1.3),
    "IVO": _Voice("NIGHT DESK", 98, 0.96, 4.4, 0.15, -25, 0.8),
    "TAM": _Voice("NIGHT DESK", 134, 1.03, 5.2, 0.20, -22, 1.0),
}
FORMATS = {
    "1_103": _Format(n_channels=2),
    "1_106": _Format(44_100),
    "1_110": _Format(8_000),
    "1_114": _Format(44_100, 2, "pcm_24"),
    "1_119": _Format(encoding="float_32"),
    "1_123": _Format(encoding="pcm_24"),
    "2_201": _Format(44_100),
    "2_204": _Format(encoding="float_32"),
    "2_207": _Format(8_000),
    "2_211": _Format(encoding="pcm_24"),
    "2_214": _Format(44_100, 1, "float_32"),
    "2_218": _Format(n_channels=2),
}
"""Of the clips that are not 16-bit mono at 16 kHz."""
SCRIPT = """
1_101 MARA - The ferry leaves at ten past four.
1_102 MARA + Oh good, another form to fill in.
1_103 MARA - I left your keys beside the kettle.
1_104 MARA + What a treat, rain on a holiday.
1_105 MARA + Sure, wake me at five, I love it.
1_106 MARA - My sister sent a card from the coast.
1_107 MARA + Lovely, the lift is broken again.
1_108 MARA + You parked so well, both of the bays.
1_109 OTIS - We need two more chairs in the hall.
1_110 OTIS + A third alarm clock, how thoughtful.
1_111 OTIS - The soup wants a little more salt.
1_112 OTIS - Sure.
1_113 OTIS + Yes, because that went well last time.
1_114 OTIS - They open the market on Tuesday.
1_115 OTIS - Please hold the ladder for a moment.
1_116 OTIS + Great idea, let us paint it in the dark.
1_117 JUNE + Oh no, not a whole free evening.
1_118 JUNE - The library closes at seven today.
1_119 JUNE + My favourite, cold tea with no sugar.
1_120 JUNE - I think the blue one suits you better.
1_121 JUNE + Take your time, the house is only on fire.
1_122 JUNE - Could you read me the second page?
1_123 JUNE + Brilliant, you found the one wet bench.
1_124 JUNE - Our train is on the other platform.
2_91 RUTH - I put the letters on the table by the window.
2_94 IVO - The doctor said to come back in about two weeks.
2_96 TAM - There is some bread left over from this morning.
2_97 RUTH + Oh wonderful, my second flat tyre of the week.
2_99 IVO - We could walk along the river after dinner.
2_201 RUTH - The phones are quiet until midnight.
2_202 RUTH + And he was so modest about it, too.
2_203 RUTH - Send the copy to the upstairs office.
2_204 RUTH + Of course, nobody needs a weekend.
2_205 RUTH - She starts her new job on Monday.
2_206 RUTH + A speech, just what this party lacked.
2_207 IVO + Well, that was a clever way to lose it.
2_208 IVO - I will bring the lamp down later.
2_209 IVO + Do go on, I have only all night.
2_210 IVO - The number is on the yellow note.
2_211 IVO + Thanks, I had not noticed the flood.
2_212 IVO + Yes, shouting at the printer may help.
2_213 TAM + Fine, hide the map, that is half the fun.
2_214 TAM - The coffee machine works again now.
2_215 TAM + Such a quiet keyboard you have there.
2_216 TAM - Both of the windows face the garden.
2_217 TAM + I was hoping someone would say that again.
2_218 TAM - He called to ask about the tickets.
2_219 TAM + Perfect, and we are only an hour late.
"""
"""Id, speaker, + for sarcastic or - for not, text."""

Marker = dict[str, Any]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Line:
    id: str
    speaker: str
    is_sarcastic: bool
    text: str

    @property
    def voice(self) -> _Voice:
        return VOICES[self.speaker]


@option("dataset", "smoke")
@dataclass
class Smoke(Mustard):
    """Made-up clips, written on first use.

    Attributes:
        directory: where they are written, as long as `labels` and `audio_dir` lie within it; otherwise those two are
            read as any folder of MUStARD's shape, and nothing is written.
    """

    directory: str = MISSING

    def read(self) -> Corpus:
        """See `Dataset.read`.

        Raises:
            CorpusError: also where the folder holds other things, or cannot be written.
        """
        try:
            directory, labels, clips = (Path(path).resolve() for path in (self.directory, self.labels, self.audio_dir))
        except (OSError, RuntimeError, ValueError) as error:
            raise CorpusError(f"dataset.directory: {self.directory} cannot be used ({error}); name another") from error
        is_inside = directory in labels.parents and directory in (clips, *clips.parents)
        is_made_up = is_inside and provide(directory, labels.relative_to(directory), clips.relative_to(directory))
        return replace(super().read(), is_made_up=is_made_up)


def provide(directory: Path, labels: Path, clips: Path) -> bool:
    """Make sure that the made-up corpus is there, whoever else is doing the same.

    It is written beside its place and moved there in one step, so that a folder is either whole or not there. Of
    several processes the first one wins, and the others drop what they have written.

    Args:
        directory: its place, resolved.
        labels: where its labels stand, relative to it.
        clips: the folder of its clips, relative to it.

    Returns:
        Whether the folder is ours; False where somebody else's labels and clips lie there.

    Raises:
        CorpusError: the folder holds other things, or cannot be written.
    """
    wanted = {"generator": GENERATOR, "version": VERSION, "labels": labels.as_posix(), "clips": clips.as_posix()}
    try:
        if _is_whole(directory, wanted):
            return True
        # Files first, marker second, here and below: another process may put the folder there in between.
        if (directory / labels).exists() and (directory / clips).exists() and not _marker(directory):
            return False
        _refuse_foreign(directory)
        _replace(directory, wanted)
    except OSError as error:
        raise CorpusError(
            f"dataset.directory: the made-up clips cannot be written to {directory} ({error.strerror or error}); name"
            " another folder with dataset.directory=DIR"
        ) from error
    return True


def _replace(directory: Path, wanted: Marker) -> None:
    aside = directory.with_name(f".{directory.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    old = aside.with_suffix(".old")
    try:
        _write(aside, wanted)
        if _marker(directory) and not _is_whole(directory, wanted):
            with suppress(FileNotFoundError):
                directory.rename(old)
        try:
            aside.rename(directory)
        except OSError:
            # Somebody else was first: what lies there now is what was about to be put there.
            if not _is_whole(directory, wanted):
                raise
        else:
            logger.info("wrote %d made-up clips to %s", len(_script()), directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _is_whole(directory: Path, wanted: Marker) -> bool:
    is_current = wanted.items() <= _marker(directory).items()
    return is_current and (directory / wanted["labels"]).is_file() and (directory / wanted["clips"]).is_dir()


def _marker(directory: Path) -> Marker:
    """What the marker says; nothing where there is none of ours."""
    try:
        marker = json.loads((directory / MARKER).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return marker if isinstance(marker, dict) and marker.get("generator") == GENERATOR else {}


def _refuse_foreign(directory: Path) -> None:
    """Stop before a folder that holds anything but the files of the marker, which may be moved away and deleted."""
    if directory.exists() and not directory.is_dir():
        raise CorpusError(
            f"dataset.directory: {directory} is a file; name a new or empty folder with dataset.directory=DIR"
        )
    names = (path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir())
    known = _our_files(directory)
    # A few are enough: it may be somebody's home.
    foreign = set(islice((name for name in names if name not in known), MOST_LISTED))
    if foreign := foreign - _our_files(directory):
        raise CorpusError(
            f"dataset.directory: {directory} holds other files (such as {listed(foreign)}), which are left alone; name"
            " a new or empty folder with dataset.directory=DIR"
        )


def _our_files(directory: Path) -> set[str]:
    return {MARKER, *_marker(directory).get("files", [])}


def _write(directory: Path, marker: Marker) -> None:
    labels, clips = Path(marker["labels"]), Path(marker["clips"])
    script = _script()
    (directory / clips).mkdir(parents=True)
    (directory / labels).parent.mkdir(parents=True, exist_ok=True)
    entries = {line.id: _entry(line, before) for line, before in zip(script, _cues(script), strict=True)}
    (directory / labels).write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    for line in script:
        (directory / clips / f"{line.id}.wav").write_bytes(_clip(line))
    files = [labels.as_posix(), *((clips / f"{line.id}.wav").as_posix() for line in script)]
    (directory / MARKER).write_text(
        json.dumps({"about": ABOUT, **marker, "files": files}, indent=2) + "\n", encoding="utf-8"
    )


def _script() -> list[_Line]:
    rows = (row.split(" ", 3) for row in SCRIPT.strip().splitlines())
    return [_Line(id_, speaker, mark == "+", text) for id_, speaker, mark, text in rows]


def _cues(script: list[_Line]) -> list[_Line]:
    """For each line, what was said before it: the line above of the same show."""
    last = {line.voice.show: line for line in script}
    cues = []
    for line in script:
        cues.append(last[line.voice.show])
        last[line.voice.show] = line
    return cues


def _entry(line: _Line, cue: _Line) -> dict[str, object]:
    """An utterance as MUStARD has it."""
    return {
        "utterance": line.text,
        "speaker": line.speaker,
        "context": [cue.text],
        "context_speakers": [cue.speaker],
        "show": line.voice.show,
        "sarcasm": line.is_sarcastic,
    }


def _clip(line: _Line) -> bytes:
    random = np.random.default_rng([SEED, *map(int, line.id.split("_"))])
    form = FORMATS.get(line.id, _Format())
    delivery = _delivery(line, random)
    n_syllables = len(re.findall("[aeiouy]+", line.text.lower()))
    shortest, longest = SECONDS.get(line.id, (SHORTEST_SECONDS, LONGEST_SECONDS))
    seconds = float(np.clip(n_syllables / delivery.syllables_per_second + 0.2, shortest, longest))
    speech = speak(delivery, n_syllables, form.sample_rate, random, seconds)
    # The second microphone stands a little further away.
    channels = [speech, 0.7 * np.roll(speech, form.sample_rate // 2000)][: form.n_channels]
    samples = np.stack(channels, axis=1)
    if form.encoding == "float_32":
        samples = np.round(samples * GRID) / GRID
    return wav_bytes(samples, form.sample_rate, form.encoding)


def _delivery(line: _Line, random: np.random.Generator) -> Delivery:
    voice = line.voice
    strength = voice.expression if line.is_sarcastic else 0.0
    scatter = random.standard_normal(4)
    semitones = PITCH_SEMITONES * strength + PITCH_SCATTER * scatter[0]
    return Delivery(
        pitch_hz=voice.pitch_hz * 2 ** (semitones / 12),
        range_semitones=7.0 * RANGE_FACTOR**strength * np.exp(RANGE_SCATTER * scatter[1]),
        syllables_per_second=voice.syllables_per_second * TEMPO_FACTOR**strength * np.exp(TEMPO_SCATTER * scatter[2]),
        level_db=voice.level_db + LEVEL_DB * strength + LEVEL_SCATTER * scatter[3],
        formant_scale=voice.formant_scale,
        breath=voice.breath,
    )

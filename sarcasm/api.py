"""Read recorded runs back in Python: for a notebook, a figure, a table in a paper.

    from sarcasm import api

    api.runs(experiment="sarcasm")            # a pandas DataFrame, a row for each run
    run = api.run("last")                     # options, metrics, tags, cautions
    run.losses()                              # a DataFrame: fit, step, loss
    run.predictions()                         # a DataFrame, a row for each clip
    api.compare("small", run).claim           # what can be claimed of their difference, in a sentence
    api.table([run]).latex                    # what `sarcasm runs export` writes
    api.losses_figure(run).save("loss.pdf")   # as wide as a column

Nothing is computed here that a command does not compute the same way, and TensorFlow is not loaded. What is wrong is
raised as a kind of `sarcasm.errors.SarcasmError`, in a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sarcasm import compare as comparing
from sarcasm.config import compose, did_you_mean, parse
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.project import PROJECT
from sarcasm.report import paper
from sarcasm.report.paper import COLUMN_INCHES, PAGE_INCHES, Picture
from sarcasm.report.write import PREDICTIONS
from sarcasm.runs import formats
from sarcasm.runs.export import Export, export, has_scores
from sarcasm.runs.table import heading
from sarcasm.runs.worth import MADE_UP, TESTED, Interval, interval, marks
from sarcasm.scoring import METRICS
from sarcasm.scoring.baselines import DEAF
from sarcasm.tracking import Recorded, Tracking, find_run, find_runs

if TYPE_CHECKING:
    import pandas

__all__ = [
    "COLUMN_INCHES", "PAGE_INCHES", "Comparison", "Interval", "PaperTable", "Picture", "Run", "compare", "figure",
    "losses_figure", "run", "runs", "scores_figure", "table",
]  # fmt: skip

NOTE = "Made-up clips: the numbers mean nothing."
HIDDEN = "mlflow."
"""How MLflow's own tags begin."""


@dataclass(frozen=True, repr=False)
class Run:
    """A recorded run.

    Attributes:
        recorded: the run as the rest of the package knows it.
    """

    recorded: Recorded

    def __repr__(self) -> str:
        return f"Run({comparing.short(self.recorded)}, {self.status})"

    @property
    def id(self) -> str:
        """As MLflow has it."""
        return self.recorded.run_id

    @property
    def name(self) -> str:
        """What it is called."""
        return self.recorded.run_name

    @property
    def status(self) -> str:
        """FINISHED, FAILED, KILLED or RUNNING."""
        return self.recorded.status

    @property
    def started(self) -> datetime:
        """When, in UTC."""
        return self.recorded.started

    @cached_property
    def options(self) -> Mapping[str, Any]:
        """Every option by its dotted key, as it was typed: numbers are numbers.

        Raises:
            TrackingError: the run ended before it recorded them.
        """
        return self.recorded.options()

    @property
    def metrics(self) -> Mapping[str, float]:
        """Every metric by its name; of those that have one for each step, the last."""
        return self.recorded.metrics

    @property
    def tags(self) -> Mapping[str, str]:
        """Every tag."""
        return self.recorded.tags

    @property
    def cautions(self) -> list[str]:
        """What must be known before a number is believed, a sentence each."""
        return self.recorded.tag("cautions").splitlines()

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """How far its numbers may be believed: "made up", "leaky", or neither."""
        return marks([self.recorded])[self.id]

    @property
    def parts(self) -> list[Run]:
        """The runs nested in it, oldest first: fits of several, or the jobs of a sweep."""
        return [Run(each) for each in self.recorded.parts()]

    def losses(self) -> pandas.DataFrame:
        """The training loss of each step.

        Returns:
            fit (the name of the run that the fit is recorded in), step (from 0), loss (mean sigmoid cross-entropy);
            empty for a head that is not trained in steps.
        """
        import pandas

        rows = [(name, step, loss) for name, fits in self._curves() for step, loss in enumerate(fits)]
        types = {"fit": str, "step": "int64", "loss": "float64"}
        return pandas.DataFrame(rows, columns=list(types)).astype(types)

    def predictions(self, level: str = "utterance") -> pandas.DataFrame:
        """What it decided of what it tested.

        Args:
            level: "utterance" (whole clips) or "example" (pieces of 0.96 s).

        Returns:
            A row for each decision: utterance, fold, speaker and show (text), label (1 sarcastic, 0 not), probability
            (of sarcastic), decision (1 or 0; text where some decisions are "neither" or "both"), seed (of the fit); at
            example level also example, its number within the utterance.

        Raises:
            ConfigError: there is no such level.
            TrackingError: the run has no predictions.
        """
        import pandas

        if level not in PREDICTIONS:
            known = list(PREDICTIONS)
            raise ConfigError(f"there is no level {level}{did_you_mean(level, known)} (choose from {', '.join(known)})")
        rows = self.recorded.rows(PREDICTIONS[level])
        types = {"example": "int64", "label": "int64", "probability": "float64", "seed": "int64"}
        if all(row["decision"] in ("0", "1") for row in rows):
            types["decision"] = "int64"
        found = pandas.DataFrame(rows)
        return found.astype({name: kind for name, kind in types.items() if name in found})

    def interval(self, metric: str = "f1_weighted", unit: str = "utterance") -> Interval | None:
        """The 95 % interval of a metric over whole test clips, by the bootstrap.

        Args:
            metric: such as "f1_weighted" or "test/utterance/f1_weighted".
            unit: what was drawn: "utterance", or "speaker" for a claim about voices.

        Returns:
            low and high; None where the run has no such interval.

        Raises:
            ConfigError: there is no such metric.
        """
        return interval(self.recorded, self._named(metric), unit)

    def _named(self, metric: str) -> str:
        for name in (metric, f"{TESTED}{metric}"):
            if name in self.metrics:
                return name
        known = [*METRICS, *self.metrics]
        raise ConfigError(f"run {comparing.short(self.recorded)} has no metric {metric}{did_you_mean(metric, known)}")

    def _curves(self) -> list[tuple[str, list[float]]]:
        """Name -> losses, for each fit."""
        fits = [each for each in self.recorded.parts() if "fold" in each.params] or [self.recorded]
        return [(each.run_name, each.history("train/loss")) for each in fits if "train/loss" in each.metrics]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two runs on the utterances that both tested.

    Attributes:
        pair: the numbers: `pair.result` over utterances, with its difference and interval; `pair.p_permutation`,
            `pair.p_mcnemar`, `pair.p_speaker`.
        claim: what can be claimed, in a sentence.
        differing: option -> its value in both runs, where they differ.
    """

    pair: comparing.Pair
    claim: str
    differing: Mapping[str, Sequence[Any]]

    def __repr__(self) -> str:
        return self.claim

    @property
    def is_claimed(self) -> bool:
        """Whether a difference can be claimed."""
        return self.pair.is_claimed


@dataclass(frozen=True, repr=False)
class PaperTable:
    """A table of settings; a notebook shows it.

    Attributes:
        export: what it is made of.
    """

    export: Export

    def __repr__(self) -> str:
        return self.markdown

    @property
    def markdown(self) -> str:
        """As `sarcasm runs export --markdown` writes it."""
        return formats.markdown(self.export.table, self.export.caption)

    @property
    def latex(self) -> str:
        """As `sarcasm runs export --latex` writes it; it needs the package booktabs."""
        return formats.latex(self.export.table, self.export.caption)

    @property
    def cautions(self) -> list[str]:
        """What to be warned of before it is believed, a sentence each."""
        return self.export.cautions

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write it: LaTeX where the name ends in .tex, Markdown where it ends in .md.

        Args:
            path: where to; a table that was written before is overwritten.
            force: whether any other file is too.

        Raises:
            ConfigError: the name ends otherwise.
            SarcasmError: a file is there that is not ours, or there is no such folder.
        """
        path = Path(path)
        texts = {".tex": self.latex, ".md": self.markdown}
        if path.suffix not in texts:
            raise ConfigError(f"{path}: a table is written as {' or '.join(texts)}; let the name end so")
        formats.save(texts[path.suffix], path, force)
        return path

    def _repr_markdown_(self) -> str:
        return self.markdown


def runs(*, experiment: str = "", where: str = "", with_parts: bool = False, uri: str = "") -> pandas.DataFrame:
    """All runs that fit, newest first.

    Args:
        experiment: of this MLflow experiment only; empty takes all.
        where: a filter in MLflow's words, such as 'params.head.name = "small" and metrics."gain/f1_weighted" > 0'.
        with_parts: whether sweeps, probes and single fits of several stand there too, which have no scores of their
            own. The jobs of sweeps always do.
        uri: sqlite:///FILE or http://SERVER; empty takes the store that train.py takes.

    Returns:
        A row for each run, by its id: name, experiment, status, started (UTC), seconds, marks ("made up", "leaky");
        then every option as params.OPTION (text), every metric as metrics.NAME (float64, NaN where a run has none) and
        every tag but MLflow's own as tags.NAME.

    Raises:
        ConfigError: the filter is none, or no run is of such an experiment.
        TrackingError: the store fails.
    """
    import pandas

    found = find_runs(_tracking(uri), PROJECT, where=where)
    if experiment and not any(each.experiment == experiment for each in found):
        known = sorted({each.experiment for each in found})
        near = did_you_mean(experiment, known)
        raise ConfigError(f"no run is of the experiment {experiment}{near} (there are {', '.join(known) or 'none'})")
    found = [each for each in found if not experiment or each.experiment == experiment]
    found = [each for each in found if with_parts or has_scores(each)]
    marked = marks(found)
    rows = [
        {
            "name": each.run_name, "experiment": each.experiment, "status": each.status, "started": each.started,
            "seconds": each.seconds, "marks": ", ".join(marked[each.run_id]),
        }
        | {f"params.{key}": value for key, value in sorted(each.whole_params().items())}
        | {f"metrics.{key}": value for key, value in sorted(each.metrics.items())}
        | {f"tags.{key}": value for key, value in sorted(each.tags.items()) if not key.startswith(HIDDEN)}
        for each in found
    ]  # fmt: skip
    first = ["name", "experiment", "status", "started", "seconds", "marks"]
    columns = first + sorted({key for row in rows for key in row} - set(first), key=_kind_first)
    index = pandas.Index([each.run_id for each in found], name="run_id", dtype=object)
    return pandas.DataFrame(rows, index=index, columns=columns)


def run(word: str = "last", *, uri: str = "") -> Run:
    """One run.

    Args:
        word: its id, four or more of its first characters, its name where only one has it, or "last".
        uri: see `runs`.

    Raises:
        TrackingError: there is none, or several.
    """
    return Run(find_run(_tracking(uri), PROJECT, word))


def compare(a: Run | str, b: Run | str, *, uri: str = "") -> Comparison:
    """What can be claimed of the difference of two runs, as `sarcasm compare` says it.

    Args:
        a: a run, or a word for it; see `run`.
        b: another.
        uri: see `runs`.

    Raises:
        SarcasmError: they are the same, or tested no utterance in common.
    """
    first, second = _run(a, uri), _run(b, uri)
    if first.id == second.id:
        raise SarcasmError("a run is compared with itself; name different ones")
    recorded = [first.recorded, second.recorded]
    (pair,) = comparing.compare([comparing.read(each) for each in recorded])
    called = {each.id: each.name if first.name != second.name else each.id[:8] for each in (first, second)}
    (claim,) = comparing.claims([pair], called)
    return Comparison(pair, claim, comparing.differing(recorded))


def table(
    runs: Sequence[Run | str], *, metrics: Sequence[str] = (), by: Sequence[str] = (), uri: str = ""
) -> PaperTable:
    """A table of settings, each with mean and deviation over its seeds: what `sarcasm runs export` writes.

    Args:
        runs: that have finished, or words for them; of a sweep, its jobs are taken.
        metrics: to be told; none tells precision, recall, weighted F, and the gain over rules that do not listen.
        by: options that tell settings apart; none takes all that vary.
        uri: see `runs`.

    Raises:
        SarcasmError: there are none, or one has not finished.
        ConfigError: no run has such a metric or option.
    """
    named = [_run(each, uri) for each in runs]
    parted = [part for each in named for part in (each.parts if each.recorded.is_sweep else [each])]
    if not parted:
        raise SarcasmError("a table needs a run; name one or more")
    if unfinished := [each for each in parted if each.status != "FINISHED"]:
        raise SarcasmError(f"run {comparing.short(unfinished[0].recorded)} has not finished; leave it out")
    return PaperTable(export(list({each.id: each.recorded for each in parted}.values()), metrics, by))


def figure(width: float = COLUMN_INCHES, height: float = paper.HEIGHT_INCHES) -> Picture:
    """Empty axes in our look, with the letters of a paper; draw on `axes`.

    Args:
        width: in inches; `COLUMN_INCHES` or `PAGE_INCHES`.
        height: in inches.
    """
    return paper.new_picture(width, height)


def losses_figure(*runs: Run | str, labels: Sequence[str] = (), width: float = COLUMN_INCHES, uri: str = "") -> Picture:
    """The training loss of each step, a line for each fit of each run.

    Args:
        *runs: one or more, or words for them.
        labels: what each is called in the figure; none takes their names.
        width: see `figure`.
        uri: see `runs`.

    Raises:
        ConfigError: there are more or fewer labels than runs.
        SarcasmError: no run is named, or none of them is trained in steps.
    """
    named = _labelled(runs, labels, uri)
    curves = {label: [losses for _, losses in each._curves()] for label, each in named.items()}
    if not any(curves.values()):
        raise SarcasmError("none of these runs has a loss: their heads are not trained in steps")
    return paper.losses({label: fits for label, fits in curves.items() if fits}, width, _note(named.values()))


def scores_figure(
    *runs: Run | str, metric: str = "f1_weighted", labels: Sequence[str] = (), width: float = COLUMN_INCHES,
    uri: str = "",
) -> Picture:  # fmt: skip
    """A metric of each run with its 95 % interval over utterances, beside the best rule that does not listen.

    Args:
        *runs: one or more, or words for them.
        metric: see `Run.interval`.
        labels: what each is called in the figure; none takes their names.
        width: see `figure`.
        uri: see `runs`.

    Raises:
        ConfigError: a run has no such metric, or there are more or fewer labels than runs.
        SarcasmError: no run is named.
    """
    named = _labelled(runs, labels, uri)
    points = [_point(label, each, metric) for label, each in named.items()]
    what = heading(next(iter(named.values()))._named(metric))
    return paper.scores(points, what, width, _note(named.values()))


def _point(name: str, each: Run, metric: str) -> paper.Point:
    whole = each._named(metric)
    last = whole.removeprefix(TESTED)
    deaf = [each.metrics[key] for rule in DEAF if (key := f"baseline/{rule}/{last}") in each.metrics]
    span = interval(each.recorded, whole)
    low, high = span or (None, None)
    return paper.Point(name, each.metrics[whole], low, high, max(deaf, default=None))


def _run(word: Run | str, uri: str) -> Run:
    return word if isinstance(word, Run) else run(word, uri=uri)


def _labelled(runs: Sequence[Run | str], labels: Sequence[str], uri: str) -> dict[str, Run]:
    """What runs are called -> the runs: labels, or names, with the beginnings of their ids where names are alike."""
    found = [_run(each, uri) for each in runs]
    if not found:
        raise SarcasmError("a figure needs a run; name one or more")
    if labels and (len(labels), len(set(labels))) != (len(found), len(found)):
        raise ConfigError(f"labels: {len(found)} different ones are needed, one for each run")
    names = [each.name for each in found]
    own = [each.name if names.count(each.name) == 1 else comparing.short(each.recorded) for each in found]
    return dict(zip(labels or own, found, strict=True))


def _note(runs: Iterable[Run]) -> str:
    return NOTE if any(MADE_UP in each.marks for each in runs) else ""


def _tracking(uri: str) -> Tracking:
    options = parse(compose("config", [])).tracking
    return replace(options, uri=uri) if uri else options


def _kind_first(column: str) -> tuple[int, str]:
    return ("params", "metrics", "tags").index(column.partition(".")[0]), column

"""What a sweep would do: its jobs, which of them are done, what is to be embedded, and how long that may take.

Nothing is trained, nothing recorded, no network opened. Times are those of past runs on this store, so they are as good
as these runs are alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sarcasm import embeddings, tracking
from sarcasm.config import Config, compose, identity, parse
from sarcasm.corpus import Corpus
from sarcasm.errors import SarcasmError
from sarcasm.explain import explain
from sarcasm.options import leaves
from sarcasm.project import PROJECT
from sarcasm.store import Store
from sarcasm.tracking import Past, Recorded

ALIKE = ("dataset.name", "embedding.name", "head.name", "split.name", "trainer.steps", "embedding.train")
"""Options that runs must share for the time of one to tell that of another; the last are let go first.
An embedding may have no option `train`."""


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        overrides: its own, in the order of the command line.
        problem: why it would fail before it begins; empty where nothing is known to be wrong.
        same_as: the number of an earlier job of the same data, weights and options, or None.
        done: the id of the run that has done it in this sweep; empty where it is to be done.
        n_to_embed: clips that the store does not have and no earlier job will have embedded.
        n_clips: clips of its dataset.
        seconds: that it may take, embedding included; None where no past run tells.
    """

    overrides: tuple[str, ...]
    problem: str = ""
    same_as: int | None = None
    done: str = ""
    n_to_embed: int = 0
    n_clips: int = 0
    seconds: float | None = None

    @property
    def is_to_do(self) -> bool:
        """Whether it would be trained."""
        return not self.problem and self.same_as is None and not self.done


@dataclass(frozen=True)
class Plan:
    """What a sweep would do.

    Attributes:
        jobs: numbered from 0 as Hydra does.
        n_past: runs that the times are taken from.
        chooser: the sweeper, where it chooses jobs as it goes; `jobs` has the options that it leaves alone.
    """

    jobs: tuple[Job, ...]
    n_past: int
    chooser: str = ""


def plan(arguments: Sequence[str]) -> Plan:
    """Look what a command line of train.py would do.

    Args:
        arguments: the command line, without the program's name.

    Raises:
        ConfigError, HydraException: an override that fits no job.
        SarcasmError: the tracking store cannot be read.
    """
    given = get_args_parser().parse_args(list(arguments)).overrides
    words = [word for word in given if not word.startswith("sweep.plan=")]
    overrides = OverridesParser.create().parse_overrides(words)
    fixed = [word for word, each in zip(words, overrides, strict=True) if not each.is_sweep_override()]
    base = compose("config", fixed, with_hydra=True)
    chooser = "" if base.hydra.sweeper._target_.endswith("BasicSweeper") else str(base.hydra.sweeper._target_)
    swept = [word for word in words if not word.startswith("hydra")]
    for key, values in ({} if chooser else base.hydra.sweeper.params or {}).items():
        swept.append(f"{key}={values}")
    sets = (
        [fixed] if chooser else BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(swept), None)[0]
    )
    sets = [[word for word in each if not word.startswith("hydra")] for each in sets]
    own = [word for word in words if not word.startswith("hydra")]
    cfg = compose("config", [word for word in fixed if not word.startswith("hydra")])
    # An option that has no value of its own may be what the jobs differ in.
    config = parse(compose("config", sets[0]) if sets and OmegaConf.missing_keys(cfg) else cfg)
    past = tracking.past(config.tracking, PROJECT, tracking.sweep_key(own, base.hydra.sweeper))
    return Plan(tuple(_jobs(sets, config, past)), len(past.runs), chooser)


def _jobs(sets: Sequence[Sequence[str]], config: Config, past: Past) -> list[Job]:
    found: list[Job] = []
    first: dict[str, int] = {}
    will_be_there: set[tuple[str, str]] = set()
    with config.store.open() as store:
        for number, overrides in enumerate(sets):
            own = tuple(overrides)
            try:
                cfg = compose("config", own)
                job = parse(cfg)
                corpus = _corpus(job, store)
                of_job = (corpus, job.embedding, job.pca, job.reading, store)
                same = identity(cfg, *embeddings.material(*of_job).values())
                to_embed = embeddings.missing(*of_job) - will_be_there
            except SarcasmError as error:
                found.append(Job(own, str(error)))
                continue
            except (HydraException, OmegaConfBaseException) as error:
                found.append(Job(own, explain(error, own, "config")))
                continue
            if same in first:
                found.append(Job(own, same_as=first[same], n_clips=len(corpus.utterances)))
                continue
            first[same] = number
            done = "" if config.force else past.done.get(same, "")
            if done:
                found.append(Job(own, done=done, n_clips=len(corpus.utterances)))
                continue
            will_be_there |= to_embed
            found.append(
                Job(
                    own, n_to_embed=len(to_embed), n_clips=len(corpus.utterances),
                    seconds=_seconds(cfg, job, len(to_embed), past.runs),
                )
            )  # fmt: skip
    return found


def _corpus(config: Config, store: Store) -> Corpus:
    return replace(config.dataset.read(), hash_files=store.hashes)


def _seconds(cfg: DictConfig, config: Config, n_to_embed: int, runs: Sequence[Recorded]) -> float | None:
    """What a job may take, from the runs that are most like it."""
    own = {key: str(value) for key, value in leaves(cfg).items()}
    of_clip = _of_a_clip(own["embedding.name"], runs) if n_to_embed else 0.0
    for n_shared in range(len(ALIKE), 2, -1):
        alike = [run for run in runs if all(run.params.get(key) == own.get(key) for key in ALIKE[:n_shared])]
        n_fits = len(config.fit_seeds)
        if alike and of_clip is not None:
            each = [_rest(run) / max(1, len((run.param("seeds") or "[]").split(","))) for run in alike]
            return median(each) * n_fits + of_clip * n_to_embed
    return None


def _rest(run: Recorded) -> float:
    """Seconds that a run took without embedding."""
    embedding = run.metrics.get("time/embed", 0.0)
    return max(0.0, run.seconds - (embedding if math.isfinite(embedding) else 0.0))


def _of_a_clip(embedding: str, runs: Sequence[Recorded]) -> float | None:
    """Seconds that a clip takes to embed."""
    each = [
        run.metrics["time/embed"] / run.metrics["store/misses"]
        for run in runs
        if run.params.get("embedding.name") == embedding
        and run.metrics.get("store/misses")
        and "time/embed" in run.metrics
    ]
    finite = [seconds for seconds in each if math.isfinite(seconds)]
    return median(finite) if finite else None

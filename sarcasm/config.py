"""The config of a run: every option, typed.

Option classes live beside what they steer; this module gathers them, checks what Hydra lets pass, and derives from the
config what other parts need of it: its leaves (parameters of the run) and its identity (a hash over the leaves that can
change a result).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

import hydra
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sarcasm import help as help_page
from sarcasm.augmentation import Augmentation
from sarcasm.corpus import Dataset
from sarcasm.embeddings import PCA, Embedding, Pool, Reading
from sarcasm.errors import ConfigError
from sarcasm.explain import did_you_mean, known_keys, read_overrides
from sarcasm.features import Scale
from sarcasm.fit import Adam, refuse_too_many_weights
from sarcasm.heads import Head
from sarcasm.options import OF_THE_PLACE, PATHS, at_home, is_place, is_utf8, leaves, values_of
from sarcasm.packaged import Way
from sarcasm.prepare import Preparation
from sarcasm.project import PROJECT, here
from sarcasm.report.options import Report
from sarcasm.resampling import Resampler
from sarcasm.scoring import Decision
from sarcasm.splits import Split
from sarcasm.store import Keeping
from sarcasm.sweeps import Sweep
from sarcasm.tracking import Tracking

MOST_SEEDS = 1000
FEWEST_INPUTS = 128
"""Values of a row that any embedding gives: VGGish's own 128; others give more."""
NOT_IDENTITY = (*OF_THE_PLACE, *PATHS, "split.audit")
"""Options that cannot change a result: where things lie (their content is tagged), where a run is made and recorded."""


@dataclass
class Config:
    """Everything that a run is made of; the groups are named after the folders of conf/."""

    dataset: Dataset = MISSING
    augment: Augmentation = MISSING
    embedding: Embedding = MISSING
    pca: PCA = MISSING
    head: Head = MISSING
    split: Split = MISSING
    trainer: Adam = MISSING
    store: Keeping = MISSING
    tracking: Tracking = MISSING
    sweep: Sweep = MISSING
    report: Report = MISSING
    resampler: Resampler = MISSING
    pool: Pool = MISSING
    scale: Scale = MISSING
    decision: Decision = MISSING
    seed: int = MISSING
    seeds: list[int] = MISSING
    force: bool = MISSING

    def __post_init__(self) -> None:
        for name, value in (("seed", self.seed), *(("seeds", value) for value in self.seeds)):
            if not 0 <= value < 2**32:
                raise ConfigError(f"{name}={value}: a whole number from 0 to {2**32 - 1} is needed")
        if len(self.seeds) > MOST_SEEDS:
            raise ConfigError(
                f"seeds: {len(self.seeds):,} fits are asked for, a run each; {MOST_SEEDS:,} at most are possible"
            )
        if len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(f"seeds={list(self.seeds)}: each seed can stand there once")
        of_head = " ".join(f"head.{key}={value}" for key, value in values_of(self.head).items() if key != "name")
        refuse_too_many_weights(self.head.n_weights(FEWEST_INPUTS), of_head)
        has_steps = type(self.head).fit is Head.fit
        if self.embedding.is_trained:
            self._check_trained(has_steps)
        if not has_steps and self.trainer.patience is not None:
            raise ConfigError(
                f"trainer.patience={self.trainer.patience}: head={self.head.name} is not trained in steps, so there is"
                " no end to choose; leave it null"
            )

    @property
    def fit_seeds(self) -> list[int]:
        """Seeds of the fits: `seeds`, or `seed` where there are none."""
        return list(self.seeds) or [self.seed]

    @property
    def reading(self) -> Reading:
        """How clips are turned into examples."""
        return Reading(self.resampler, self.dataset.bad_clips, self.dataset.short_clips)

    @property
    def way(self) -> Way:
        """What a clip goes through from sound to decision."""
        return Way(self.embedding, self.pca, self.resampler, self.dataset.short_clips, self.pool, self.decision)

    @property
    def choosers(self) -> list[str]:
        """The options that choose something on validation rows."""
        found = ["decision=tuned"] if self.decision is Decision.tuned else []
        return found + ([f"trainer.patience={self.trainer.patience}"] if self.trainer.patience is not None else [])

    def _check_trained(self, has_steps: bool) -> None:
        """What training the network itself rules out."""
        if not has_steps:
            raise ConfigError(
                f"embedding.train=true needs a head that is trained in steps; head={self.head.name} is not"
            )
        for name, is_wrong, right in (
            ("pca", self.pca.enabled, "pca=off, as the PCA cannot be trained through"),
            ("pool", self.pool is not Pool.none, "pool=none, as it is examples that the network takes"),
            ("scale", self.scale is not Scale.none, "scale=none, as it is examples that the network takes"),
            (
                "trainer",
                self.trainer.batch_size is None,
                "trainer=mini_batch, as all rows at once need too much memory",
            ),
        ):
            if is_wrong:
                raise ConfigError(f"embedding.train=true does not go with this {name}; add {right}")


ConfigStore.instance().store(group="schema", name="config", node=Config)
OmegaConf.register_new_resolver("project", lambda path="": str(PROJECT / path), replace=True)


def compose(config: str, overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
    """Compose conf/CONFIG.yaml, as `hydra.main` does for train.py.

    Args:
        config: which file.
        overrides: as on the command line.
        with_hydra: whether Hydra's own part is kept.

    Raises:
        ConfigError: an override that is wrong by itself, see `sarcasm.explain`.
        HydraException: one that does not fit.
    """
    words = read_overrides(overrides, config)
    with initialize_config_dir(str(help_page.CONF), version_base="1.3"):
        return hydra.compose(config, words, return_hydra_config=with_hydra)


def parse(cfg: DictConfig) -> Config:
    """Turn Hydra's config of a run into ours.

    Raises:
        ConfigError: an option that does not exist (Hydra lets `+dataset.foo=1` pass), one without a value, or a value
            out of range.
    """
    return cast(Config, _checked(cfg, "config"))


def parse_preparation(cfg: DictConfig) -> Preparation:
    """Turn Hydra's config of a preparation into ours.

    Raises:
        ConfigError: see `parse`.
    """
    return cast(Preparation, _checked(cfg, "prepare"))


def _checked(cfg: DictConfig, config: str) -> Any:
    for key in OmegaConf.missing_keys(cfg):
        raise ConfigError(f"{key} has no value; give it one with {key}=...")
    for key in PATHS:
        if OmegaConf.select(cfg, key, throw_on_resolution_failure=False) == "":
            raise ConfigError(f"{key} has no value; give it one with {key}=...")
    _look_at_texts(cfg)
    options = OmegaConf.to_object(cfg)
    for key in _unknown(options):
        raise ConfigError(f"there is no option {key}{did_you_mean(key, known_keys(config))}")
    return options


def _look_at_texts(cfg: DictConfig) -> None:
    """Put the user's own folder in place of ~ in every path; refuse what no file or database can keep as a text."""
    for key, text in leaves(cfg).items():
        for each in text if isinstance(text, list) else [text]:
            if isinstance(each, str) and not is_utf8(each):
                raise ConfigError(f"{key}: {each!a} is not a text in UTF-8; give the file another name")
        if is_place(key) and isinstance(text, str) and (place := at_home(text)) != text:
            OmegaConf.update(cfg, key, place)


def identity(cfg: DictConfig, *content: str) -> str:
    """Hash over all that can change a result: "sha256:...".

    Args:
        cfg: the config; options that cannot change a result do not count.
        content: fingerprints of the data and the weights, which stand for the paths that do not count.
    """
    counted = {key: value for key, value in leaves(cfg).items() if not key.startswith(NOT_IDENTITY)}
    counted["seeds"] = counted["seeds"] or [counted["seed"]]
    text = json.dumps([counted, *content], sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def schemas(cfg: DictConfig) -> dict[str, str]:
    """Group -> the schema that was chosen for it, such as head -> head_mlp: what `restored` needs beside the values."""
    types = {OmegaConf.get_type(stored.node): name for name, stored in _schema_nodes().items()}
    found = {str(group): OmegaConf.get_type(cfg, str(group)) for group in cfg if OmegaConf.is_config(cfg[group])}
    return {group: types[kind] for group, kind in found.items() if kind in types}


def restored(values: DictConfig, chosen: Mapping[str, str], project: str = "") -> DictConfig:
    """The config that a run recorded.

    Args:
        values: every option, as Hydra composed them.
        chosen: see `schemas`.
        project: where the project lay then, whose paths lead into this one now; empty where that is not known, as of
            runs of earlier versions, and is told by the paths that conf/ gives.

    Raises:
        ConfigError: it names an option or schema that no longer exists.
    """
    nodes = _schema_nodes()
    cfg = OmegaConf.structured(Config)
    try:
        for group, schema in chosen.items():
            cfg[group] = OmegaConf.structured(OmegaConf.get_type(nodes[schema].node))
        return cast(DictConfig, OmegaConf.merge(cfg, values, _paths_here(values, project)))
    except (KeyError, OmegaConfBaseException) as error:
        raise ConfigError(f"the run's config does not fit this version: {' '.join(str(error).split())}") from error


def _paths_here(values: DictConfig, project: str) -> DictConfig:
    """The recorded paths that led into a project which lies here now, as they lead here."""
    recorded = {key: text for key in PATHS if isinstance(text := OmegaConf.select(values, key), str)}
    usual = {
        path
        for file in help_page.CONF.rglob("*.yaml")
        for path in help_page.PROJECT_PATH.findall(file.read_text(encoding="utf-8"))
    }
    old = project or next(
        (text.removesuffix(f"/{path}") for text in recorded.values() for path in usual if text.endswith(f"/{path}")), ""
    )
    moved = OmegaConf.create()
    for key, text in recorded.items():
        # A file that is there may have been chosen, unless it is known whose it was.
        if project or not Path(text).exists():
            OmegaConf.update(moved, key, here(text, old))
    return moved


def _schema_nodes() -> dict[str, Any]:
    """Name -> what is stored, for every schema of a choice."""
    stored = ConfigStore.instance().repo["schema"]
    return {file.removesuffix(".yaml"): node for file, node in stored.items()}


def run_name(config: Config, fit: str = "") -> str:
    """What a run is called unless `tracking.run_name` says it: dataset, embedding, PCA, head, split and seeds.

    Args:
        config: embedding and split stand in the name where they are not the usual ones.
        fit: what stands in place of the seeds, for one fit among several.
    """
    embedding = [] if config.embedding.name == "vggish" else [config.embedding.name]
    split = [] if config.split.name == "utterance" else [config.split.name]
    pca, last = ("on" if config.pca.enabled else "off"), fit or "-".join(f"s{seed}" for seed in config.fit_seeds)
    return "-".join([config.dataset.name, *embedding, f"pca_{pca}", config.head.name, *split, last])


def _unknown(node: Any, prefix: str = "") -> Iterator[str]:
    """Attributes of a dataclass beyond its fields: how OmegaConf hands over keys that no schema knows."""
    known = {field.name for field in fields(node)}
    for name, value in vars(node).items():
        if name not in known:
            yield f"{prefix}{name}"
        elif is_dataclass(value):
            yield from _unknown(value, f"{prefix}{name}.")

"""Train and score one way of hearing sarcasm, and record it in MLflow.

python train.py dataset=denoised head=big                  one run
python train.py split=mustard_sd seeds=[0,1,2]             five folds, three times: a run that holds fifteen
python train.py -m dataset=original,denoised pca=on,off    a sweep
python train.py --help                                     every choice
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from sarcasm import console
from sarcasm.config import Config, identity, parse, run_name, schemas
from sarcasm.errors import SarcasmError
from sarcasm.options import leaves
from sarcasm.project import PROJECT

if TYPE_CHECKING:
    from sarcasm.checkpoints import Checkpoints, FitCheckpoint
    from sarcasm.corpus import Corpus
    from sarcasm.embeddings import Copies, Table
    from sarcasm.fit import Model
    from sarcasm.packaged import Origin
    from sarcasm.scoring import Predictions, Result
    from sarcasm.splits import Audit, Fold
    from sarcasm.store import Store
    from sarcasm.tracking import Tracked


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        run_id: where it is recorded.
        metrics: what it is worth, by the names that MLflow has.
    """

    run_id: str
    metrics: Mapping[str, float]


def run(config: Config, cfg: DictConfig, tags: Mapping[str, str] | None = None) -> Outcome:
    """Go from a config to a tracked score.

    Args:
        config: the options, checked.
        cfg: the same as Hydra composed it, to be recorded.
        tags: of the run, beyond what it is tagged with anyway.

    Raises:
        SarcasmError: something the user can put right; the message says how.
    """
    # Here, not above: --help and --cfg must answer without loading TensorFlow.
    from sarcasm import embeddings, tracking

    read = config.dataset.read()
    with config.store.open() as store:
        corpus = replace(read, hash_files=store.hashes)
        material = embeddings.material(corpus, config.embedding, config.pca, config.reading, store)
        same = identity(cfg, *material.values())
        before = tracking.Earlier()
        if not config.force:
            before = tracking.earlier(config.tracking, PROJECT, same, lambda id_: checkpoints(config, id_).is_usable())
        if before.done:
            console.say_job(before.done, config.sweep.metric, was_done=True)
            return Outcome(before.done.run_id, before.done.metrics)
        if before.failed and config.sweep.fail_fast:
            raise SarcasmError(f"not begun, since {before.failed} failed (sweep.fail_fast=true)")
        of_run = {"split.protocol": config.split.name, **material, "config.hash": same, **(tags or {})}
        with tracking.start(
            config.tracking, PROJECT, run_name=run_name(config), params=leaves(cfg), tags=of_run,
            again=before.cut_short,
        ) as tracked:  # fmt: skip
            kept = checkpoints(config, tracked.run_id)
            if before.cut_short:
                console.say_goes_on(before.cut_short)
            facts, result, metrics = train_and_score(config, cfg, corpus, store, tracked, kept)
    kept.clear()
    if console.is_one_of_many():
        console.say_job(tracked.recorded(metrics), config.sweep.metric)
    else:
        console.say_summary(facts | {"store": store.summary}, result, tracked.run_id, tracked.where)
    return Outcome(tracked.run_id, metrics)


def checkpoints(config: Config, run_id: str) -> Checkpoints:
    """What is kept of a run's training until the run has finished."""
    from sarcasm.checkpoints import Checkpoints

    return Checkpoints(PROJECT / "outputs" / "checkpoints" / run_id, config.trainer.checkpoint_seconds)


def train_and_score(
    config: Config, cfg: DictConfig, corpus: Corpus, store: Store, tracked: Tracked, kept: Checkpoints
) -> tuple[dict[str, str], Result, dict[str, float]]:
    """Embed, split, train and score: the steps of a run, in their order.

    Returns:
        What was run, in words; what it is worth; and that as metrics.
    """
    from sarcasm import embeddings, packaged, report, scoring, splits

    name, options, protocol = run_name(config), leaves(cfg), {"split.protocol": config.split.name}
    tracked.log_surroundings()
    with tracked.time("embed"), console.track("embedding") as track:
        table = embeddings.tabulate(corpus, config.embedding, config.pca, config.reading, store, track)
        table = table.pooled(config.pool)

    share, seeds = config.trainer.validation_share, config.fit_seeds
    folds = config.split.folds(table, config.seed)
    folds = splits.with_validation(folds, config.split, table, share, config.seed, config.choosers)
    # What leaks is looked for before any score is seen.
    audit = splits.audit(folds, table, config.split)
    cautions = report.cautions(corpus, table, folds, audit)
    console.say_cautions(cautions)
    log_material(tracked, config, cfg, corpus, table, audit, cautions)
    audit.refuse(config.split.name)
    origin = packaged.Origin(config.dataset.name, corpus.fingerprint, corpus.is_made_up, tuple(cautions))

    with tracked.time("augment"), console.track("copying") as track:
        trained_on = np.unique(np.concatenate([fold.train for fold in folds]))
        copies = embeddings.tabulate_copies(
            corpus, table, trained_on, config.embedding, config.pca, config.reading, config.augment, config.seed,
            store, track,
        ).pooled(config.pool)  # fmt: skip
    tracked.log_metrics(store.metrics())

    facts = report.facts(
        table, folds, audit, config.dataset.name, config.embedding.name, config.head.name, config.split.name,
        seeds, len(copies.copy),
    )  # fmt: skip
    fits = [(fold, seed) for seed in seeds for fold in folds]
    of_fit = protocol | {"split.leaky": str(audit.is_leaky).lower()}
    tested, validated, losses, last_losses, run_ids = [], [], {}, [], []
    for fold, seed in fits:
        fit_name = f"{fold.name}-s{seed}"
        own = options | {"seed": seed, "fold": fold.name}
        # One fit is the run itself; each of several is a run in it.
        part = nullcontext(tracked) if len(fits) == 1 else tracked.child(run_name(config, fit_name), own, of_fit)
        with part as recorded:
            with console.track(fit_name if len(fits) > 1 else "training") as track:
                predictions, model = fit_fold(
                    config, table, copies, fold, seed, origin, recorded, kept.of(fit_name), track
                )
            losses[fit_name] = report.Losses(model.losses, model.validation_losses or {})
            last_losses += list((model.validation_losses or {}).values())[-1:]
            tested.append(predictions["test"])
            validated += [predictions["validation"]] if "validation" in predictions else []
            run_ids.append(recorded.run_id)
            if len(fits) > 1:
                log_fit(recorded, tested[-1], table, config, facts, origin, tracked.run_id)

    result = scoring.result(tested, validated, folds, table, config.decision, config.seed, audit.is_leaky)
    metrics = result.metrics() | ({"validation/loss": float(np.mean(last_losses))} if last_losses else {})
    # With one fit, its curve is there.
    tracked.log_metrics(metrics if len(fits) > 1 else result.metrics())
    overviews = {}
    if config.report.log_mel:
        with tracked.time("draw"), console.track("drawing") as track:
            overviews = embeddings.overviews(
                corpus, [table.utterances[number] for number in np.unique(result.utterances.utterance)],
                config.resampler, store, track,
            )  # fmt: skip
    piece_seconds = config.embedding.piece_seconds if config.pool is embeddings.Pool.none else None
    heard = report.heard(tested, result.utterances, table, overviews, piece_seconds, corpus.hashes)
    with tracked.time("report"), TemporaryDirectory() as folder:
        report.write(
            Path(folder), name, facts, cautions, losses, result, run_ids, table, options, heard, config.report,
            config.seed,
        )  # fmt: skip
        report.write_card(Path(folder), name, tracked.run_id, facts, origin, result)
        tracked.log_folder(Path(folder))
    return facts, result, metrics


def log_material(
    tracked: Tracked, config: Config, cfg: DictConfig, corpus: Corpus, table: Table, audit: Audit,
    cautions: Sequence[str],
) -> None:  # fmt: skip
    """Keep what a run is made of, before anything is trained: options, data, weights, and what stands on both sides."""
    from sarcasm import report

    clips = report.clips(corpus, table)
    tracked.log_dataset(config.dataset.name, corpus.fingerprint, config.dataset.source, len(corpus.utterances))
    tracked.log_text(OmegaConf.to_yaml(cfg, resolve=True), "config.yaml")
    tracked.log_json(clips, "clips.json")
    tracked.log_text(audit.overlaps_csv(), "audit/overlaps.csv")
    tracked.log_text(audit.balances_csv(), "audit/balances.csv")
    tracked.log_metrics({f"clips/{kind}": len(ids) for kind, ids in clips.items()})
    tracked.log_tags(
        {
            **audit.tags(),
            "config.schemas": json.dumps(schemas(cfg)),
            "dataset.made_up": str(corpus.is_made_up).lower(),
            "cautions": "\n".join(cautions),
        }
    )


def fit_fold(
    config: Config, table: Table, copies: Copies, fold: Fold, seed: int, origin: Origin, recorded: Tracked,
    checkpoint: FitCheckpoint, track: Callable[[Iterable[int]], Iterable[int]],
) -> tuple[dict[str, Predictions], Model]:  # fmt: skip
    """Fit one fold once: whatever learns, learns from its training side.

    Returns:
        What the fit says of the test side, and of the validation side where there is one; and what was fitted.
    """
    from sarcasm import features, fit, heads, packaged, scoring

    with recorded.time("fit"):
        own_copies = copies.of(table.utterance[fold.train])
        transform = features.fit_transform(table.X[fold.train], table.fits_pca, config.scale)
        X = transform(np.concatenate([table.X[fold.train], copies.X[own_copies]]))
        y = np.concatenate([table.y[fold.train], table.utterance_labels[copies.utterance[own_copies]]])
        held_out = fit.Rows(transform(table.X[fold.validation]), table.y[fold.validation])
        validation = held_out if len(held_out.y) else None
        head = heads.behind(config.embedding, config.head, origin.made_up)
        model = head.fit(config.trainer, fit.Rows(X, y), validation, seed, recorded.log_step, track, checkpoint)

    sides = {"test": fold.test} | ({"validation": fold.validation} if validation else {})
    said = {
        side: scoring.Predictions(fold.name, rows, model.logits(transform(table.X[rows])), seed)
        for side, rows in sides.items()
    }
    if config.decision is scoring.Decision.tuned:
        threshold = scoring.tuned_threshold(said["validation"], table)
        said = {side: replace(each, threshold=threshold) for side, each in said.items()}
        recorded.log_metrics({"validation/threshold": threshold})
    with recorded.time("save"), TemporaryDirectory() as folder:
        package = Path(folder, "package")
        packaged.save(
            package, model, transform, table, config.way, origin, run_id=recorded.run_id, run_name=recorded.run_name,
            fold=fold.name, seed=seed, threshold=said["test"].threshold, with_weights=config.tracking.with_weights,
        )  # fmt: skip
        recorded.log_model(package)
    return said, model


def log_fit(
    recorded: Tracked, tested: Predictions, table: Table, config: Config, facts: Mapping[str, str], origin: Origin,
    parent: str,
) -> None:  # fmt: skip
    """Keep what one fit among several decided, and what that is worth."""
    from sarcasm import report, scoring

    levels = scoring.levels([tested], table, config.decision)
    scores = {level.name: scoring.score_level(level, config.decision) for level in levels}
    recorded.log_metrics(scoring.test_metrics(scores))
    with TemporaryDirectory() as folder:
        report.write_decisions(Path(folder), levels, scores, table)
        report.write_card_of_fit(
            Path(folder), recorded.run_name, recorded.run_id, facts, origin, scores, parent, tested.fold, tested.seed
        )
        recorded.log_folder(Path(folder))


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float | None:
    """Check the config, then run.

    Returns:
        What a sweep may choose by: the metric that `sweep.metric` names, never one of the test side.
    """
    with console.job():
        config = parse(cfg)
        outcome = run(config, cfg, {"overrides": json.dumps(list(HydraConfig.get().overrides.task))})
        return outcome.metrics.get(config.sweep.metric)
    return None


if __name__ == "__main__":
    sys.exit(console.train_status(main))

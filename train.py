"""Train and score one way of hearing sarcasm, and record it in MLflow.

python train.py dataset=denoised head=big                  one run
python train.py -m dataset=original,denoised pca=on,off    a sweep
python train.py --help                                     every choice
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import hydra
from omegaconf import DictConfig, OmegaConf

from sarcasm import console
from sarcasm.config import Config, identity, leaves, parse, run_name
from sarcasm.project import PROJECT


def run(config: Config, cfg: DictConfig) -> None:
    """Go from a config to a tracked score.

    Args:
        config: the options, checked.
        cfg: the same as Hydra composed it, to be recorded.

    Raises:
        SarcasmError: something the user can put right; the message says how.
    """
    # Here, not above: --help and --cfg must answer without loading TensorFlow.
    from sarcasm import embeddings, features, fit, report, scoring, splits, tracking

    corpus = config.dataset.read()
    name, options = run_name(config), leaves(cfg)
    tags = {"split.protocol": config.split.name, "config.hash": identity(cfg)}
    with tracking.start(config.tracking, PROJECT, run_name=name, params=options, tags=tags) as tracked:
        tracked.log_text(OmegaConf.to_yaml(cfg, resolve=True), "config.yaml")
        with tracked.time("embed"), console.track("embedding") as track:
            reading = embeddings.Reading(config.resampler, config.dataset.bad_clips, config.dataset.short_clips)
            table = embeddings.tabulate(corpus, config.embedding, config.pca, reading, track)
        tracked.log_dataset(config.dataset.name, corpus.fingerprint, config.dataset.source, len(corpus.utterances))
        folds = config.split.folds(table, config.seed)
        leakage = splits.leakage(folds, table)
        clips = report.clips(corpus, table)
        tracked.log_json(clips, "clips.json")
        tracked.log_metrics({f"clips/{kind}": len(ids) for kind, ids in clips.items()})
        cautions = report.cautions(corpus, table, folds, leakage)
        console.say_cautions(cautions)
        tracked.log_tags(
            {
                "dataset.fingerprint": corpus.fingerprint,
                "dataset.made_up": str(corpus.is_made_up).lower(),
                "embedding.weights": table.weights,
                "pca.parameters": table.pca,
                "split.leaky": str(leakage.is_leaky).lower(),
                "cautions": "\n".join(cautions),
            }
        )

        predictions, losses = [], {}
        for fold in folds:
            with tracked.time("fit"), console.track("training") as track:
                transform = features.fit_transform(table.X[fold.train], table.fits_pca, config.scale)
                X, y = transform(table.X[fold.train]), table.y[fold.train]
                model = fit.fit(config.head, config.trainer, X, y, config.seed, tracked.log_step, track)
            losses[fold.name] = model.losses
            logits = model.logits(transform(table.X[fold.test]))
            predictions.append(scoring.Predictions(fold.name, fold.test, logits))
            with tracked.time("save"), TemporaryDirectory() as folder:
                model.save(Path(folder, "saved_model"))
                transform.save(Path(folder, "transform.npz"))
                tracked.log_model(Path(folder), table.X.shape[1])

        levels = scoring.levels(predictions, table, config.decision)
        scores = {
            level.name: scoring.score(level.labels, level.probability, level.decisions, config.decision)
            for level in levels
        }
        baselines = scoring.baselines(folds, table)
        tracked.log_metrics(scoring.metrics(scores, baselines))
        facts = report.facts(table, folds, config.dataset.name, config.pca.enabled, config.head.name, config.split.name)
        with tracked.time("report"), TemporaryDirectory() as folder:
            report.write(Path(folder), name, facts, cautions, losses, levels, scores, baselines, table, options)
            tracked.log_folder(Path(folder))
    console.say_summary(facts, scores, baselines, tracked.run_id, tracked.where)


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    """Check the config, then run."""
    with console.job():
        run(parse(cfg), cfg)


if __name__ == "__main__":
    sys.exit(console.train_status(main))

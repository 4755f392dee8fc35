"""`sarcasm predict CLIP... --run RUN`: read clips, and say of each what a model says."""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sarcasm import console
from sarcasm.arguments import Parser, add_model, model_folder, store_options
from sarcasm.audio import lenient
from sarcasm.errors import AudioError, ConfigError
from sarcasm.predict.clips import find_clips

if TYPE_CHECKING:
    import numpy as np

    from sarcasm.packaged import Description, Prediction

FEW_CLIPS = 3
"""That are through before a bar would tell anything."""


def add_predict_command(commands: argparse._SubParsersAction[Parser]) -> None:
    """Let the program have the command `predict`."""
    predict = commands.add_parser(
        "predict",
        help="what a trained model says of clips",
        description="Say of each clip whether a trained model takes it for sarcastic, and how sure it is of each piece."
        " Audio and video are read. The exit status is 1 when a clip could not be read; the others are done.",
    )
    predict.add_argument(
        "clips", nargs="+", metavar="CLIP", help='a file, a folder with all that is in it, or a pattern: "clips/*.wav"'
    )
    add_model(predict)
    predict.add_argument("--json", action="store_true", help="print it as JSON, with the times of the pieces")
    predict.add_argument("--plot", type=Path, metavar="FOLDER", help="draw each clip into a new or empty folder")
    predict.set_defaults(run=_predict)


def _predict(parsed: argparse.Namespace) -> int:
    from sarcasm.packaged import Package
    from sarcasm.predict.terminal import say_predictions

    tracking, _ = store_options(parsed)
    clips, nothing = find_clips(parsed.clips)
    if not clips:
        raise ConfigError(
            f"{' '.join(parsed.clips)}: there is no clip; name audio or video files, folders that hold some, or a"
            " pattern in quotes"
        )
    if parsed.plot and parsed.plot.exists() and (not parsed.plot.is_dir() or any(parsed.plot.iterdir())):
        raise ConfigError(f"--plot {parsed.plot}: a new or empty folder is needed")
    with model_folder(parsed, tracking) as folder, Package.load(folder) as package:
        console.say_cautions(package.description.cautions)
        said: list[tuple[Path, Prediction]] = []
        lacking: dict[Path, list[str]] = {}
        failed = [(word, f"{word}: there is no such clip") for word in nothing]
        with console.track("predicting") if len(clips) > FEW_CLIPS else nullcontext(iter) as track:
            for path in track(clips):
                try:
                    with lenient() as lacking[path]:
                        waveform = package.read(path)
                    prediction = package.predict(waveform)
                except AudioError as error:
                    failed.append((str(path), str(error)))
                    continue
                said.append((path, prediction))
                if parsed.plot:
                    _draw(parsed.plot, path, waveform, prediction, package.description)
        description = package.description
    console.say_cautions([each for path, _ in said for each in lacking[path]])
    for _, reason in failed:
        console.print_error(reason)
    if parsed.json:
        print(json.dumps(_as_json(description, said, lacking, failed), indent=2))  # noqa: T201
    elif said:
        say_predictions(description, said)
    return console.FAILED if failed else console.DONE


def _draw(folder: Path, path: Path, waveform: np.ndarray, prediction: Prediction, description: Description) -> None:
    from sarcasm.files import atomic, named
    from sarcasm.report.clip_picture import clip_picture

    title = f"{path.name}, {description.run_name}"
    picture = clip_picture(title, waveform, prediction, description.cautions)
    names = (f"{path.stem}{f'-{number}' if number > 1 else ''}.png" for number in count(1))
    target = next(folder / name for name in names if not (folder / name).exists())
    folder.mkdir(parents=True, exist_ok=True)
    with named(target), atomic(target) as file:
        file.write(picture)


def _as_json(
    description: Description,
    said: list[tuple[Path, Prediction]],
    lacking: dict[Path, list[str]],
    failed: list[tuple[str, str]],
) -> dict[str, Any]:
    model = {
        name: getattr(description, name)
        for name in ("run_id", "run_name", "fold", "seed", "dataset", "made_up", "cautions", "labels", "threshold")
    }
    return {
        "model": model | {"decision": description.decision.value},
        "clips": [{"clip": str(path), **asdict(prediction), "warnings": lacking[path]} for path, prediction in said],
        "failed": [{"clip": clip, "error": reason} for clip, reason in failed],
    }

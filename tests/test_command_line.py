"""The real command line, as a process of its own: wrong use, missing data, and what stands on the screen."""

import errno
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sarcasm import console
from sarcasm import help as help_page
from sarcasm.arguments import read
from sarcasm.cli import program
from sarcasm.project import PROJECT

HEAVY = (
    "tensorflow", "mlflow", "sklearn", "matplotlib", "librosa", "numba", "pandas", "scipy",
    "optuna", "submitit", "ray",
)  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"], ["head=bgi"]])
def test_help_config_and_typing_errors_load_nothing_heavy(arguments):
    script = (
        "import runpy, sys; sys.argv = ['train.py', *sys.argv[1:]]\n"
        f"try: runpy.run_path({str(PROJECT / 'train.py')!r}, run_name='__main__')\n"
        f"except SystemExit: pass\nprint([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, cwd=PROJECT, timeout=300
    )
    assert result.stderr.splitlines()[-1] == "[]"


def test_help_lists_every_choice_of_every_group_with_its_comment(run_train):
    result = run_train("--help")
    assert result.returncode == 0
    assert result.stderr == ""
    files = [path for group in help_page.groups() for path in (PROJECT / "conf" / group).glob("*.yaml")]
    assert len(files) > 10
    for path in files:
        assert re.search(rf"^[* ] {path.parent.name}={path.stem}\s", result.stdout, re.MULTILINE)
    assert "* dataset=smoke" in result.stdout
    assert "trainer.steps=30" in result.stdout
    assert max(map(len, result.stdout.splitlines())) < 200


WRONG = {
    "head=bgi": "head=bgi: there is no such head; did you mean big? (choose from big, linear, small, svm)",
    "dataset=denoisd": "dataset=denoisd: there is no such dataset; did you mean denoised?"
    " (choose from denoised, manifest, mustard_pp, original, smoke)",
    "datset=denoised": "there is no option datset; did you mean dataset?",
    "trainer.step=3": "there is no option trainer.step; did you mean trainer.steps?",
    "+trainer.step=3": "there is no option trainer.step; did you mean trainer.steps?",
    "++dataset.foo.bar=1": "there is no option dataset.foo",
    "sed=1": "there is no option sed; did you mean seed?",
    "trainer.steps=ten": "trainer.steps: Value 'ten' of type 'str' could not be converted to Integer",
    "trainer.steps=0": "trainer.steps=0: at least 1 is needed",
    "trainer.steps=3,4": "trainer.steps=3,4 names several values; add -m to run each of them, or write a list as trainer.steps=[...]",
    "pca=true": "pca=true: choose from off, on",
    "pca=maybe": "pca=maybe: there is no such pca (choose from off, on)",
    "resampler=sox": "resampler: Invalid value 'sox', expected one of [reference, soxr]; did you mean soxr?",
    "scale=standrd": "scale: Invalid value 'standrd', expected one of [none, standard]; did you mean standard?",
    "split.test_size=2": "split.test_size=2.0: a share between 0 and 1 is needed, such as 0.2",
    "seed=-1": "seed=-1: a whole number from 0 to 4294967295 is needed",
    "dataset=manifest": "dataset.manifest has no value; give it one with dataset.manifest=...",
    "experiment=notebook": "experiment=notebook: there is no such experiment; did you mean notebook_smoke?"
    " (choose from castro2019_sd, castro2019_si, gao2022, notebook_denoised, notebook_original, notebook_smoke)",
    "seeds=[1,1]": "seeds=[1, 1]: each seed can stand there once",
    "split.k=3": "there is no option split.k with the split that is chosen; leave it out, or choose another split",
    "embedding.train_from=conv5": "embedding.train_from=conv5: there is no such layer; choose from conv1, conv2, conv3, conv4, fc1, fc2",
    "embedding.train=true": "embedding.train=true does not go with this pca; add pca=off, as the PCA cannot be trained through",
    "~seed": "~seed: no option can be taken away; leave it out or give it a value: seed=42",
    "-x": "there is no flag -x; see python train.py --help and python train.py --hydra-help",
    "head": "head: not of the form OPTION=VALUE (a value with spaces, commas or brackets needs quotes)",
}


@pytest.mark.parametrize("argument", WRONG)
def test_a_wrong_option_names_the_nearest_right_one_and_exits_with_2(run_train, argument, tmp_path):
    result = run_train(argument)
    assert result.stderr.startswith(f"error: {WRONG[argument]}")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert result.returncode == 2
    assert not (tmp_path / "mlflow.db").exists()


def test_a_wrong_choice_in_a_sweep_stops_it_before_any_job(run_train, tmp_path):
    result = run_train("-m", "head=small,bgi")
    assert "error: head=bgi: there is no such head; did you mean big?" in result.stderr
    assert result.returncode == 2
    assert not (tmp_path / "mlflow.db").exists()


def entry(**changes) -> dict:
    fields = {
        "utterance": "Sure.", "speaker": "ANNA", "context": ["So?"], "context_speakers": ["BEN"], "show": "BBT", "sarcasm": True,
    }  # fmt: skip
    return fields | changes


BAD_LABELS = {
    "missing file": (None, "labels.json"),
    "malformed": ('{"1_60": {"utterance": ', "line 1"),
    "without sarcasm": (json.dumps({"1_60": {k: v for k, v in entry().items() if k != "sarcasm"}}), "1_60"),
    "duplicate ids": (f'{{"1_60": {json.dumps(entry())}, "1_60": {json.dumps(entry())}}}', "1_60"),
    "escaping id": (json.dumps({"../x": entry()}), "../x"),
    "no clips": (json.dumps({}), "labels.json"),
    "one class": (json.dumps({"1_60": entry(), "1_61": entry()}), "sarcastic"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels_are_one_clear_line_and_exit_status_1(run_train, tmp_path, case):
    text, named = BAD_LABELS[case]
    labels, audio = tmp_path / "labels.json", tmp_path / "audio"
    audio.mkdir()
    for name in ("1_60", "1_61"):
        (audio / f"{name}.wav").write_bytes(b"never read")
    if text is not None:
        labels.write_text(text, encoding="utf-8")
    result = run_train(
        "dataset=original", f"dataset.labels={labels}", f"dataset.audio_dir={audio}", "dataset.max_missing=1"
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert named in result.stderr


@pytest.mark.parametrize(("dataset", "cost"), [("original", "1.6"), ("denoised", "1.9")])
def test_without_data_the_error_names_the_command_that_makes_it_and_what_that_costs(
    run_train, project_copy, dataset, cost
):
    result = run_train(f"dataset={dataset}", project=project_copy)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: dataset.labels: {project_copy}/data/mustard/sarcasm_data.json is not there; run: sarcasm prepare {dataset}"
        f" (fetches 1.4 GB; about {cost} GB of disk in data/mustard), or name another file with dataset.labels=FILE\n"
    )


def test_original_never_falls_back_to_random_weights(run_train, mustard_folder, project_copy):
    result = run_train(
        "dataset=original", f"dataset.labels={mustard_folder}/sarcasm_data.json", f"dataset.audio_dir={mustard_folder}/audio",
        project=project_copy,
    )  # fmt: skip
    assert result.returncode == 1
    error = result.stderr.splitlines()[-1]
    assert error == (
        f"error: embedding.checkpoint: {project_copy}/models/vggish_model.ckpt is not there; run: sarcasm prepare vggish"
        " (fetches 291 MB into models), or name another file with embedding.checkpoint=FILE"
    )


def test_the_made_up_clips_do_not_hide_a_checkpoint_that_was_named_but_is_missing(run_train, tmp_path):
    result = run_train("embedding.checkpoint=nowhere.ckpt", f"dataset.directory={tmp_path}/smoke")
    assert result.returncode == 1
    assert "nowhere.ckpt" in result.stderr.splitlines()[-1]


def test_configs_are_valid_yaml_of_one_shape():
    """First line: what the choice is. Every option: a comment."""
    import yaml

    files = sorted(path for group in help_page.groups() for path in (PROJECT / "conf" / group).glob("*.yaml"))
    assert files
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("# "), path
        options = yaml.safe_load("\n".join(lines))
        if path.parent.name != "experiment":
            commented = {option.key for option in help_page.options(path)}
            # A name says nothing that the file name does not, and pca=on|off is what sets `enabled`.
            assert set(options) - {"defaults", "name", "enabled"} - commented == set(), path


def test_every_experiment_composes():
    names = help_page.choices("experiment")
    assert names
    for name in names:
        result = subprocess.run(
            [sys.executable, str(PROJECT / "train.py"), f"experiment={name}", "--cfg", "job"],
            capture_output=True, text=True, check=True, timeout=300, cwd=Path(PROJECT),
        )  # fmt: skip
        assert ("decision: round" in result.stdout) == name.startswith("notebook_")


def test_a_place_that_may_not_be_written_to_is_one_clear_line(capsys):
    """Raised by hand: nothing is forbidden to root, whom containers run as."""

    def write() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/data/clips/2_97.wav")

    assert console.exit_status(write, [], "prepare") == 1
    expected = (
        "error: /data/clips/2_97.wav: Permission denied; change who may read and write there, or name another place\n"
    )
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_place_of_a_folder_is_one_clear_line(place, tmp_path):
    (tmp_path / "file").touch()
    result = subprocess.run(
        [sys.executable, "-m", "sarcasm.cli", "prepare", "vggish", f"models_dir={tmp_path / place}"],
        cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/file")
    assert "a folder is needed there" in result.stderr


@pytest.mark.slow
def test_who_reads_no_further_gets_no_traceback():
    result = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m sarcasm.cli check --json | head -c 1"],
        cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.stdout == "{"
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr


PRINTING = {
    "few": "console.exit_status(lambda: print('few'), [], 'config')",
    "much": "console.exit_status(lambda: print('much' * 100_000), [], 'config')",
    "rich": "console.exit_status(lambda: Console().print('rich'), [], 'config')",
    "help": "console.train_status(None)",
}


@pytest.mark.parametrize("printing", PRINTING)
def test_a_program_that_nobody_reads_ends_as_one_that_sigpipe_ended(printing):
    """Little that is printed is held back until the program ends; Rich ends the program itself."""
    script = (
        "import sys; from rich.console import Console; from sarcasm import console; sys.stdin.read();"
        f"sys.exit({PRINTING[printing]})"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, "--help"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=PROJECT
    ) as process:  # fmt: skip
        process.stdout.close()
        process.stdin.close()
        assert process.wait(timeout=300) == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOENT, "put it there, or name another place"),
        (errno.EISDIR, "a file is needed there: move the folder away, or name another place"),
        (errno.ELOOP, "mend the link, or name another place"),
        (errno.ENAMETOOLONG, "name another place"),
        (errno.EIO, "see to that place, or name another"),
    ],
)
def test_whatever_is_wrong_with_a_file_is_one_clear_line(capsys, number, advice):
    def write() -> None:
        raise OSError(number, "Wrong", "/data/clips/2_97.wav")

    assert console.exit_status(write, [], "prepare") == 1
    assert capsys.readouterr().err == f"error: /data/clips/2_97.wav: Wrong; {advice}\n"


@pytest.mark.parametrize("names", [(), ("Wrong", 7)], ids=["no_file", "a_descriptor"])
def test_an_error_that_names_no_file_is_our_own_mistake(names):
    error = OSError(errno.EBADF, *names) if names else OSError("ours")

    def fail() -> None:
        raise error

    with pytest.raises(OSError, match=re.escape(str(error))) as caught:
        console.exit_status(fail, [], "prepare")
    assert caught.value is error


PLACES = {
    "output": ["report", "last", "--output=~/a b"],
    "plot": ["predict", "x.wav", "--run=last", "--plot=~/a b"],
    "model_uri": ["serve", "--model=~/a b"],
    "csv": ["runs", "export", "--csv=~/a b"],
    "latex": ["runs", "export", "--latex=~/a b"],
    "markdown": ["runs", "export", "--markdown=~/a b"],
}


@pytest.mark.parametrize("name", PLACES)
def test_the_users_own_folder_is_put_into_the_path_of_a_flag(name, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ana")
    assert str(getattr(read(program(), PLACES[name]), name)) == "/home/ana/a b"


def run_sarcasm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sarcasm.cli", *arguments],
        cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


COMMANDS = "(choose from prepare, check, probe, compare, repeat, report, predict, serve, runs, store)"
WRONG_WORDS = {
    "chekk": f"there is no command chekk; did you mean check? {COMMANDS}; see sarcasm --help",
    "xyz": f"there is no command xyz {COMMANDS}; see sarcasm --help",
    "check --josn": "there is no --josn; did you mean --json?; see sarcasm check --help",
    "check original --hlep": "there is no --hlep; did you mean --help?; see sarcasm check --help",
    "check --xyz": "there is no --xyz; see sarcasm check --help",
    "--json check": "there is no --json before the command; write it after; see sarcasm check --help",
    "prepare vggish --forec": "there is no --forec; did you mean --force?; see sarcasm prepare --help",
    "prepare": "the following arguments are required: TARGET; see sarcasm prepare --help",
    "prepare vggish --only 1_60": "--only: vggish has no clips to choose from; leave it out",
    "prepare original --only 1_60,1_67 --dry-run": "--only: keys are separated by blanks, not commas; write --only 1_60 1_67",
    "prepare all --only 1_60, 1_67 --dry-run": "--only: keys are separated by blanks, not commas; write --only 1_60 1_67",
}


@pytest.mark.parametrize("words", WRONG_WORDS)
def test_a_wrong_word_names_the_right_one_and_exits_with_2(words):
    result = run_sarcasm(*words.split())
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"error: {WRONG_WORDS[words]}\n")


def test_a_key_that_labels_do_not_have_exits_with_2_wherever_they_are(tmp_path):
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"1_60": entry(), "1_61": entry(sarcasm=False)}), encoding="utf-8")
    options = [
        f"data_dir={tmp_path / 'data'}", f"source.mustard_labels.url={labels}", "source.mustard_labels.bytes=null",
        "source.mustard_labels.sha256=null", f"source.mustard_videos.url={tmp_path}",
    ]  # fmt: skip
    expected = f"error: --only: {tmp_path}/data/mustard/sarcasm_data.json has no '1_6x'; did you mean 1_61?\n"
    for _ in ("fetched in this call", "there"):
        result = run_sarcasm("prepare", "original", "--only", "1_6x", *options)
        assert result.returncode == 2
        assert result.stderr.endswith(expected)
        assert (tmp_path / "data" / "mustard" / "sarcasm_data.json").is_file()

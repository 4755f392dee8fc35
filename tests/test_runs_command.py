"""`sarcasm runs`, in this process, on made-up records in a real store: list, show, diff, repair, export."""

import csv
import io
import json
import re
import shutil
import statistics
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarcasm import cli, console
from sarcasm.project import PROJECT
from sarcasm.report.escaping import LATEX, csv_cell, latex_text, markdown_text
from sarcasm.tracking import count_parts, find_run, find_runs, recorded
from sarcasm.tracking.processes import this_process
from tests.record_fixtures import NOON, F, Records


@pytest.fixture
def ask(records, capsys):
    """Call `sarcasm runs ...` on the records; what it prints on stdout, where it ends as expected."""

    def asked(*words, status=console.DONE) -> str:
        capsys.readouterr()
        try:
            found = cli.main(["runs", *words, records.uri])
        except SystemExit as stopped:
            found = stopped.code
        printed = capsys.readouterr()
        asked.errors = printed.err
        assert found == status, printed.err
        return printed.out

    return asked


@pytest.fixture
def ended_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return str(process.pid)


def names_in(table: str) -> list[str]:
    """The second column."""
    return [line.split()[1] for line in table.splitlines()[1:] if re.match("[0-9a-f]{8} ", line)]


# --- list -------------------------------------------------------------------------------------------------------------


def test_a_list_has_the_newest_first_with_what_each_scored(records, ask):
    records.add("old", f=0.512)
    new = records.add("new", f=0.623, seconds=8)
    records.add("failed", status="FAILED", seconds=7200)
    shown = ask("list")
    assert names_in(shown) == ["failed", "new", "old"]
    began = (NOON + timedelta(minutes=1)).astimezone()
    expected = f"{new[:8]} new FINISHED {began:%Y-%m-%d %H:%M} 8 s 0.623 0.523 to 0.723 +0.123"
    assert " ".join(shown.splitlines()[2].split()) == expected
    assert "FAILED" in shown
    assert "2 h 00 min" in shown


def test_an_empty_store_and_a_filter_that_nothing_fits_are_said_kindly(records, ask):
    assert ask("list") == "No run is recorded yet; python train.py makes one.\n"
    records.add()
    assert ask("list", "--status", "failed") == "No run is like that; sarcasm runs list shows those that there are.\n"


def test_jobs_of_a_sweep_are_counted_and_left_out_unless_all_are_asked_for(records, ask):
    sweep = records.add("sweep", tags={"sweep": "true", "sweep.attempt": "second"})
    for attempt, status in (("first", "FINISHED"), ("second", "FINISHED"), ("second", "FAILED")):
        records.add(f"job-{attempt}", parent=sweep, status=status, tags={"sweep.attempt": attempt})
    assert names_in(ask("list")) == ["sweep"]
    assert "1 of 2" in ask("list")
    assert names_in(ask("list", "--all")) == ["job-second", "job-second", "job-first", "sweep"]
    found = json.loads(ask("list", "--json"))
    assert [(run["n_nested_finished"], run["n_nested"]) for run in found["runs"]] == [(1, 2)]


def test_nested_runs_are_counted_alike_in_the_file_and_through_the_client(records):
    for attempt in ("", "b"):
        parent = records.add(tags={"sweep.attempt": attempt} if attempt else {})
        for status, own in (("FINISHED", "a"), ("FINISHED", "b"), ("RUNNING", "b"), ("FAILED", None)):
            records.add(parent=parent, status=status, tags={"sweep.attempt": own})
        deleted = records.add(parent=parent)
        records.client.delete_run(deleted)
    runs = find_runs(records.options, PROJECT)
    through_the_client = [replace(run, store=replace(run.store, database=None)) for run in runs]
    assert len(runs) == 10
    assert count_parts(runs) == count_parts(through_the_client)
    assert sorted(each.n_all for each in count_parts(runs).values())[-2:] == [2, 4]


def test_runs_are_asked_for_page_by_page(records, monkeypatch):
    monkeypatch.setattr(recorded, "PAGE", 2)
    made = [records.add() for _ in range(5)]
    assert [run.run_id for run in find_runs(records.options, PROJECT)] == made[::-1]
    assert [run.run_id for run in find_runs(records.options, PROJECT, most=3)] == made[:1:-1]
    assert [run.run_id for run in find_runs(records.options, PROJECT, most=4)] == made[:0:-1]


@pytest.mark.parametrize("name", ["it's", 'a "name"', """both ' and \"""", "100 %", "a_b", "back\\slash'", "x' or 'y"])
def test_a_run_is_found_by_any_name_it_has(records, name):
    records.add("axb")
    run_id = records.add(name)
    assert find_run(records.options, PROJECT, name).run_id == run_id


def test_no_number_of_made_up_clips_or_of_a_leaky_split_stands_unmarked(records, ask):
    made_up = records.add("made-up", f=0.6, tags={"dataset.made_up": "true"})
    # One fit of several has neither tag of its own.
    records.add("fit", f=0.6, parent=made_up, params={"fold": "fold_1"}, tags={"dataset.made_up": None})
    records.add("leaky", f=0.9, tags={"split.leaky": "true"})
    records.add("foreign", metrics={F: 0.5}, tags={"dataset.made_up": None})
    records.add("honest", f=0.7)
    lines = ask("list", "--all").splitlines()
    said = {line.split()[1]: re.findall("made up|leaky|data unsaid", line.split(maxsplit=2)[2]) for line in lines[1:6]}
    assert said == {
        "made-up": ["made up"], "fit": ["made up"], "leaky": ["leaky"], "foreign": ["data unsaid"], "honest": [],
    }  # fmt: skip
    assert "made up: the clips are synthesised, and the numbers mean nothing." in lines
    assert "leaky: tested on what was heard in training, so the numbers are too good." in lines
    assert "(made up)" in ask("diff", "made-up", "honest")
    assert "fit (made up)" in ask("diff", "fit", "honest")


def test_a_run_whose_process_is_gone_is_not_said_to_run(records, ask, ended_process):
    records.add("lost", status="RUNNING", tags=this_process().tags() | {"process.pid": ended_process})
    records.add("alive", status="RUNNING", tags=this_process().tags())
    shown = ask("list")
    assert re.search(r"lost +RUNNING \(gone\)", shown)
    assert re.search(r"alive +RUNNING  ", shown)
    assert shown.endswith("gone: the process has ended without a word; sarcasm runs repair marks the run.\n")


def test_runs_are_filtered_sorted_and_cut(records, ask):
    for name, f, seed in (("a", 0.5, "1"), ("b", 0.7, "2"), ("c", 0.6, "2")):
        records.add(name, f=f, params={"seed": seed}, metrics={"validation/loss": 1 - f})
    records.add("d", status="KILLED")
    assert names_in(ask("list", "--where", "params.seed = '2'")) == ["c", "b"]
    assert names_in(ask("list", "--where", 'metrics."gain/f1_weighted" > 0.05')) == ["c", "b"]
    assert names_in(ask("list", "--status", "KILLED")) == ["d"]
    assert names_in(ask("list", "--sort", "f1_weighted")) == ["b", "c", "a", "d"]
    by_loss = ask("list", "--sort", "validation/loss", "--limit", "1")
    assert names_in(by_loss) == ["a"]
    assert "0.500" in by_loss.splitlines()[1]
    assert by_loss.endswith("There are more than these 1; --limit N shows N.\n")
    assert "There are more" not in ask("list", "--limit", "4")


def test_a_name_cannot_move_the_cursor_and_experiments_are_told_apart(records, ask):
    records.add("evil\x1b[2J\nname")
    records.add("other", experiment="another")
    shown = ask("list")
    assert "\x1b" not in shown
    assert r"evil\x1b[2J\nname" in shown
    assert "experiment" in shown
    assert "another" in shown


WRONG = {
    "lst": "there is no action lst; did you mean list? (choose from list, show, diff, repair, sync, export); see sarcasm runs --help",
    "": "the following arguments are required: ACTION; see sarcasm runs --help",
    "list --jsno": "there is no --jsno; did you mean --json?; see sarcasm runs list --help",
    "list --limit 0": "argument --limit: a whole number of 1 or more is needed, not 0; see sarcasm runs list --help",
    "list --status finish": "argument --status: there is no status FINISH; did you mean FINISHED? (choose from RUNNING, FINISHED,"
    " FAILED, KILLED, SCHEDULED); see sarcasm runs list --help",
    "list --sort f1_wieghted": "--sort f1_wieghted: no run has such a metric; did you mean f1_weighted?",
    "list --where seed=1": "MLflow does not take the filter seed=1 (Invalid attribute key 'seed' specified.",
    "list seed=1": "seed=1: a recorded run is what it is; only tracking.... can be given here",
    "show": "the following arguments are required: RUN; see sarcasm runs show --help",
    "diff last": "2 runs are needed, and 1 is named; see sarcasm --help",
    "repair --stale-hours soon": "argument --stale-hours: a number of 0 or more is needed, not soon; see sarcasm runs repair --help",
    "sync http://u:secret@h:5000": "http://h:5000: not a folder; a server is named with tracking.uri=ADDRESS\n",
    "export": "name runs or a sweep, or say which with --where; see sarcasm runs export --help",
    "export --csv a --latex b": "argument --latex: not allowed with argument --csv; see sarcasm runs export --help",
    "export last --csv a --by head": "--csv holds every option and metric; leave --metric and --by out",
    "export last --by haed": "--by haed: the runs have no such option; did you mean head?",
    "export last --metric aurco": "--metric aurco: no run has such a metric; did you mean auroc?",
    "export last --metric auroc": "--metric auroc: no run has such a metric\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def one_run(tmp_path_factory, made_database) -> str:
    """A store with one run in it."""
    folder = tmp_path_factory.mktemp("one")
    shutil.copy(made_database, folder / "mlflow.db")
    only = Records(folder)
    only.add("run", f=0.5)
    return only.uri


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_word_is_one_line_and_exits_with_2(words, one_run, capsys):
    needs_a_word = "required" in WRONG[words]
    try:
        status = cli.main(["runs", *words.split(), *([] if needs_a_word else [one_run])])
    except SystemExit as stopped:
        status = stopped.code
    printed = capsys.readouterr()
    assert (status, printed.out) == (console.WRONG_CONFIG, "")
    assert printed.err.startswith(f"error: {WRONG[words]}")
    assert printed.err.count("\n") == 1


def test_what_cannot_be_answered_is_one_line_and_exits_with_1(records, ask, tmp_path):
    run_id = records.add("twin", f=0.5)
    records.add("twin", f=0.5, artifacts={"environment.json": "[1"})
    for words, expected in {
        ("show", "nosuch"): "there is no run nosuch in ",
        ("show", "twin"): "2 runs in ",
        ("diff", run_id, run_id): "a run is named twice; name different ones",
        ("diff", run_id, "last"): "environment.json of run ",
        ("export", "--where", "params.seed = 'x'"): "no run is like that",
        ("export", "last", "--latex", f"{tmp_path}"): f"{tmp_path} is a folder; name a file in it",
        (
            "export",
            "last",
            "--latex",
            f"{tmp_path}/no/x",
        ): f"{tmp_path}/no/x: there is no folder {tmp_path}/no; make it",
    }.items():
        ask(*words, status=console.FAILED)
        assert ask.errors.splitlines()[-1].startswith(f"error: {expected}")


# --- show -------------------------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_what_made_it_and_what_differs_from_the_defaults(records, ask):
    run_id = records.add(
        "shown", f=0.612, params={"head.name": "big", "store.path": "elsewhere", "head.hidden": "[4096, 4096]"},
        tags={"cautions": "One clip is short.\nAnother is loud.", "git.dirty": "true", "process.host": "node7"},
        metrics={"test/example/f1_weighted": 0.55, "baseline/level/f1_weighted": 0.6, "chance/p_value": 0.031,
                 "seeds/f1_weighted/mean": 0.61, "seeds/f1_weighted/sd": 0.02},
        artifacts={"report.html": "x"},
    )  # fmt: skip
    shown = ask("show", run_id[:8])
    for line in (
        f"       run  shown [{run_id}]", "    status  FINISHED", "        by  anna on node7",
        "    commit  c0ffee00c0ffee00, with uncommitted changes", "      data  smoke, sha256:11",
        "   caution  One clip is short.", "   caution  Another is loud.",
        "95 % interval of weighted F: 0.512 to 0.712 over utterances.", "Against chance: p = 0.031.",
        "Weighted F over seeds: 0.610 \u00b1 0.020.", "It keeps params.json, report.html",
    ):  # fmt: skip
        assert line in shown.splitlines()
    assert re.search(r"^head\.name +big +small *$", shown, re.MULTILINE)
    assert "store.path" not in shown
    assert "trainer.steps" not in shown
    assert re.search(r"utterance level +0\.612", shown)
    assert re.findall(r"^ *(\w+(?: \w+)?) +0\.\d{3}", shown, re.MULTILINE) == [
        "utterance level", "example level", "clip length", "majority", "level",
    ]  # fmt: skip
    assert f"{run_id}/artifacts; to look at it: mlflow ui --backend-store-uri " in shown
    found = json.loads(ask("show", "shown", "--json"))
    assert found["options"]["trainer.steps"] == "30"
    assert found["changed"]["head.name"] == {"value": "big", "default": "small"}
    assert found["metrics"][F] == 0.612
    assert found["seconds"] == 90


def test_an_interval_over_the_one_speaker_that_is_tested_is_not_shown_as_a_number(records, ask):
    ends = {f"interval/speaker/f1_weighted/{end}": float("nan") for end in ("low", "high")}
    run_id = records.add("alone", f=0.7, metrics=ends)
    shown = ask("show", run_id)
    assert "95 % interval of weighted F: 0.600 to 0.800 over utterances." in shown
    assert "All test clips are by one speaker: the score says nothing of other speakers." in " ".join(shown.split())


def test_a_failed_run_says_why_and_a_sweep_shows_its_jobs(records, ask, monkeypatch):
    records.add(
        "failed", status="FAILED", tags={"error": "the loss is nan at step 3"}, metrics={"train/loss": float("nan")}
    )
    assert "     error  the loss is nan at step 3" in ask("show", "failed").splitlines()
    assert json.loads(ask("show", "failed", "--json"))["metrics"] == {"train/loss": None}
    sweep = records.add("sweep", tags={"sweep": "true"})
    for number in range(3):
        records.add(f"job{number}", parent=sweep, f=0.5 + number / 10)
    assert re.findall(r"job\d +FINISHED +(\S+)", ask("show", "sweep")) == ["0.500", "0.600", "0.700"]
    monkeypatch.setattr("sarcasm.runs.command.N_LISTED", 2)
    shown = ask("show", "sweep")
    more = f"and 1 more: sarcasm runs list --all --where \"tags.mlflow.parentRunId = '{sweep}'\""
    assert more in shown.splitlines()
    assert len(names_in(ask("list", "--all", "--where", f"tags.mlflow.parentRunId = '{sweep}'", "--limit", "9"))) == 3


# --- diff -------------------------------------------------------------------------------------------------------------


def environment(**packages: str) -> str:
    return json.dumps({"python": "3.11", "processors": 2, "gpus": [], "packages": {"numpy": "2.4", **packages}})


def test_a_diff_has_only_what_differs(records, ask):
    a = records.add(
        "a", f=0.6, params={"seed": "1"}, tags={"pca.parameters": "fitted"},
        artifacts={"environment.json": environment(ray="2.4"), "uncommitted.patch": "+one\n+two\n"},
    )  # fmt: skip
    b = records.add(
        "b", f=0.65, params={"seed": "2"}, metrics={"time/fit": 3.0},
        artifacts={"environment.json": environment(), "uncommitted.patch": "+one\n+three\n"},
    )  # fmt: skip
    shown = ask("diff", a, b)
    assert re.search(r"^seed +1 +2 *$", shown, re.MULTILINE)
    assert re.search(r"^pca\.parameters +fitted +sha256:33 *$", shown, re.MULTILINE)
    assert re.search(r"^package ray +2\.4 *$", shown, re.MULTILINE)
    assert re.search(rf"^{F} +0\.600 +0\.650 +\+0\.050 *$", shown, re.MULTILINE)
    assert not re.search("numpy|processors|dataset.name|time/fit|three", shown)
    assert "Changes that were not committed differ; --patch prints in what." in shown.splitlines()
    assert shown.endswith(f"Whether a difference is more than luck: sarcasm compare {a[:8]} {b[:8]}\n")
    assert "4 of 7 metrics differ" in shown
    patch = ["--- A/uncommitted.patch", "+++ B/uncommitted.patch", "@@ -1,2 +1,2 @@", " +one", "-+two", "++three"]
    assert [line for line in ask("diff", a, b, "--patch").splitlines() if line in patch] == patch
    found = json.loads(ask("diff", a, b, "--json"))
    assert found["environment"] == {"package ray": ["2.4", None]}
    assert found["settings"]["seed"] == ["1", "2"]
    assert found["metrics"]["gain/f1_weighted"] == pytest.approx([0.1, 0.15])
    assert found["uncommitted"][2:] == patch[2:]


def test_what_runs_do_not_say_is_no_difference(records, ask):
    for name in ("a", "b"):
        records.add(name, f=0.6, artifacts={"environment.json": environment()} if name == "a" else {})
    records.add("c", f=0.6, artifacts={"environment.json": environment(numpy="2.5")})
    shown = ask("diff", "a", "b")
    assert "No option, data, weights or commit differs." in shown.splitlines()
    assert "Of the machine of B nothing is recorded." in shown.splitlines()
    assert "0 of 7 metrics differ; --json prints them all." in shown.splitlines()
    assert re.search(r"^package numpy +2\.4 +2\.5 *$", ask("diff", "a", "b", "c"), re.MULTILINE)


# --- repair -----------------------------------------------------------------------------------------------------------


def test_only_runs_whose_process_is_gone_are_marked(records, ask, ended_process):
    own, now = this_process().tags(), datetime.now(UTC)
    elsewhere = own | {"process.host": "node7", "process.pid": "123"}
    del elsewhere["process.heartbeat"]
    made = {
        name: records.add(name, status="RUNNING", tags=tags, experiment="other" if name == "gone" else "sarcasm")
        for name, tags in {
            "gone": own | {"process.pid": ended_process},
            "alive": own,
            "unsaid": {},
            "silent": elsewhere,
            "stale": elsewhere | {"process.heartbeat": (now - timedelta(hours=7)).isoformat()},
            "fresh": elsewhere | {"process.heartbeat": (now - timedelta(hours=1)).isoformat()},
        }.items()
    }
    first = ask("repair").splitlines()
    assert first == [
        f"{made['gone'][:8]}  gone: KILLED; process {ended_process} of this machine is gone",
        f"{made['unsaid'][:8]}  unsaid: left alone; it does not say which process records it",
        "3 runs are of other machines, and left alone; see --stale-hours",
    ]
    assert ask("repair").splitlines()[-1] == "Nothing to repair."
    second = ask("repair", "--stale-hours", "2").splitlines()
    since = f"{now - timedelta(hours=7):%Y-%m-%d %H:%M}"
    assert second[0] == f"{made['stale'][:8]}  stale: KILLED; no sign of life of process 123 of node7 since {since} UTC"
    assert f"{made['silent'][:8]}  silent: left alone; it is of node7 and gives no signs of life" in second
    assert second[-1] == "1 run is of other machines, and left alone; see --stale-hours"
    assert {name: records.status(run_id) for name, run_id in made.items()} == {
        "gone": "KILLED", "alive": "RUNNING", "unsaid": "RUNNING", "silent": "RUNNING", "stale": "KILLED", "fresh": "RUNNING",
    }  # fmt: skip
    error = records.client.get_run(made["stale"]).data.tags["error"]
    assert error == f"no sign of life of process 123 of node7 since {since} UTC; noticed later"


def test_with_nothing_running_there_is_nothing_to_repair(records, ask):
    records.add()
    assert ask("repair") == "Nothing to repair.\n"


# --- export -----------------------------------------------------------------------------------------------------------


def swept(records, scores, **more) -> str:
    """A sweep over heads and seeds: (head, seed) -> weighted F."""
    hidden = {"small": "[100]", "big": "[4096, 4096]"}
    sweep = records.add("sweep", tags={"sweep": "true", "sweep.attempt": "now"})
    for (head, seed), f in scores.items():
        params = {"head.name": head, "head.hidden": hidden[head], "seed": seed}
        records.add(f"{head}-s{seed}", f=f, parent=sweep, params=params, tags={"sweep.attempt": "now"}, **more)
    return sweep


def cells_of(table: str) -> list[list[str]]:
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if "---" not in row]


def test_a_sweep_is_exported_as_mean_and_deviation_over_seeds(records, ask):
    scores = {("small", "0"): 0.51, ("small", "1"): 0.56, ("small", "2"): 0.58, ("big", "0"): 0.62, ("big", "1"): 0.66}
    sweep = swept(records, scores)
    records.add("stale", f=0.99, parent=sweep, tags={"sweep.attempt": "before"}, params={"seed": "3"})
    records.add("failed", status="FAILED", parent=sweep, tags={"sweep.attempt": "now"}, params={"seed": "4"})
    shown = ask("export", sweep, "--metric", "f1_weighted", "gain/f1_weighted")
    small, big = ([f for (head, _), f in scores.items() if head == each] for each in ("small", "big"))

    def cell(values):
        return f"{statistics.mean(values):.3f} \u00b1 {statistics.stdev(values):.3f}"

    # That head=big has other units follows from the choice, and is no column.
    assert cells_of(shown) == [
        ["head.name", "n", "weighted F", "gain"],
        ["big", "2", f"**{cell(big)}**", f"**{cell([f - 0.5 for f in big])}**"],
        ["small", "3", cell(small), cell([f - 0.5 for f in small])],
    ]
    caption = shown.splitlines()[-1]
    for words in (
        "Data: smoke, 48 utterances.", "Split: utterance (stratify True, test_size 0.2), 1 fold.", "Seeds: 0, 1, 2.",
        "Mean \u00b1 standard deviation (n \u2212 1) over n runs of different seeds",
        "Best rule that does not listen: clip length, weighted F 0.500.", "Runs of 2026-03-01.",
    ):  # fmt: skip
        assert words in caption
    assert "in brackets" not in caption
    counted = {run.run_id for run in find_runs(records.options, PROJECT, where="metrics.`gain/f1_weighted` < 0.2")}
    assert set(re.findall("[0-9a-f]{32}", shown)) == counted
    assert re.match(r"warning: Left out, as they have not finished: [0-9a-f]{8}\.\n$", ask.errors)


def test_one_run_is_exported_with_its_interval_and_the_ids_stand_in_a_comment(records, ask):
    run_id = records.add("one", f=0.612)
    shown = ask("export", "one", "--metric", F)
    assert cells_of(shown)[1] == ["smoke", "small", "1", "0.612 (0.512 to 0.712)"]
    assert shown.startswith(f"<!-- made by sarcasm runs export\nruns:\n{run_id}\n-->\n")
    assert "in brackets its 95 % interval over utterances (bootstrap)" in shown


def test_made_up_and_leaky_runs_are_said_to_be_and_never_the_best(records, ask):
    records.add("a", f=0.9, params={"head.name": "big"}, tags={"split.leaky": "true"})
    records.add(
        "b", f=0.8, params={"head.name": "svm"}, tags={"dataset.made_up": "true", "dataset.fingerprint": "sha256:9"}
    )
    records.add("c", f=0.7, params={"head.name": "linear"})
    records.add("d", f=0.6, params={"head.name": "small"})
    shown = ask("export", "a", "b", "c", "d", "--by", "head", "--metric", "f1_weighted")
    assert {row[0]: row[2].startswith("**") for row in cells_of(shown)[1:]} == {
        "big (leaky)": False, "svm (made up)": False, "linear": True, "small": False,
    }  # fmt: skip
    assert "made-up clips: the numbers show that everything works, and nothing else" in shown
    assert "LEAKY: tested on what was heard in training" in shown
    assert "warning: The runs are of different data (smoke)." in ask.errors
    assert "warning: 1 of 4 rows are of splits that leak: their numbers are too good." in ask.errors


def test_rows_of_different_protocols_are_warned_of(records, ask):
    records.add("a", f=0.7)
    records.add("b", f=0.6, params={"split.name": "speaker"}, tags={"split.protocol": "speaker"})
    ask("export", "a", "b")
    expected = "warning: The runs are of different protocols: they were not tested on the same utterances.\n"
    assert ask.errors == expected


def test_rows_by_fewer_options_say_what_they_pool_over(records, ask):
    for head, scale, f in (("small", "none", 0.5), ("small", "standard", 0.6), ("big", "none", 0.7)):
        records.add(f"{head}-{scale}", f=f, params={"head.name": head, "scale": scale})
    shown = ask("export", "--where", "status = 'FINISHED'", "--by", "head", "--metric", "f1_weighted")
    assert cells_of(shown)[2] == ["small", "2", "0.550 \u00b1 0.071"]
    assert ask.errors == "warning: Rows pool runs that also differ in scale.\n"
    assert "over n runs of different seeds, of the division and of training and scale." in shown


def test_a_run_and_its_repetition_count_once(records, ask):
    old = records.add("first", f=0.5)
    records.add("second", f=0.6)
    shown = ask("export", "first", "second", "--metric", "f1_weighted")
    assert cells_of(shown)[1][2:] == ["1", "0.600 (0.500 to 0.700)"]
    assert ask.errors == f"warning: Left out, as newer runs repeat them: {old[:8]}.\n"


def test_runs_on_other_data_are_no_seeds_of_one_setting(records, ask):
    records.add("a", f=0.5, params={"seed": "1"})
    records.add("b", f=0.6, params={"seed": "2"}, tags={"dataset.fingerprint": "sha256:77"})
    shown = ask("export", "a", "b", "--metric", "f1_weighted")
    assert [row[:2] for row in cells_of(shown)] == [
        ["dataset.fingerprint", "n"],
        ["sha256:11", "1"],
        ["sha256:77", "1"],
    ]


def test_a_lower_error_is_better_and_what_is_neither_is_not_bold(records, ask):
    for head, ece in (("small", 0.3), ("big", 0.2)):
        records.add(head, f=0.5, metrics={"test/utterance/ece": ece, "time/fit": ece}, params={"head.name": head})
    shown = ask("export", "small", "big", "--metric", "ece", "time/fit", "f1_weighted")
    assert cells_of(shown)[1:] == [
        ["big", "1", "**0.200**", "0.200", "**0.500 (0.400 to 0.600)**"],
        ["small", "1", "0.300", "0.300", "**0.500 (0.400 to 0.600)**"],
    ]


def test_the_csv_holds_every_option_and_metric_to_the_last_digit(records, ask, tmp_path):
    path = tmp_path / "runs.csv"
    f = 0.1 + 0.2
    run_id = records.add(
        '=HYPERLINK("x")', f=f, metrics={"test/utterance/auroc": float("nan"), "gain/other": -1.5},
        params={"split.test_size": "-0.5", "dataset.only": "@a,\"b\"\r\nc"}, tags={"error": "+1+1"},
    )  # fmt: skip
    long = ",".join(map(str, range(3_000)))
    records.add("plain", f=0.5, params={"only.here": "1", "long": long})
    assert ask("export", "--where", "status = 'FINISHED'", "--csv", str(path)) == f"{path}: 2 runs\n"
    rows = {row["run_id"]: row for row in csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))}
    row = rows[run_id]
    run = records.client.get_run(run_id)
    assert row["run_name"] == '\'=HYPERLINK("x")'
    assert row["tags.error"] == "'+1+1"
    assert row["params.dataset.only"] == '\'@a,"b"\r\nc'
    assert row["params.split.test_size"] == "-0.5"
    assert float(row[f"metrics.{F}"]) == f
    assert row["metrics.gain/other"] == "-1.5"
    assert row["metrics.test/utterance/auroc"] == "nan"
    assert {f"params.{name}" for name in run.data.params} <= row.keys()
    assert {f"metrics.{name}" for name in run.data.metrics} <= row.keys()
    assert row["params.only.here"] == ""
    assert {row["params.long"] for row in rows.values()} == {"", long}


@pytest.mark.parametrize("flag", ["--csv", "--latex", "--markdown"])
def test_only_a_file_of_ours_is_overwritten_unless_forced(flag, records, ask, tmp_path):
    records.add("one", f=0.5)
    path = tmp_path / "table"
    for _ in range(2):
        assert ask("export", "one", flag, str(path)).startswith(f"{path}: ")
    ours = path.read_text()
    path.write_text("mine\n")
    ask("export", "one", flag, str(path), status=console.FAILED)
    expected = f"error: {path} was not made by sarcasm runs export; name another file, or add --force\n"
    assert ask.errors == expected
    assert path.read_text() == "mine\n"
    ask("export", "one", flag, str(path), "--force")
    assert path.read_text() == ours
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".table")] == []


NASTY = r"""a_b % & # $ { } ~ ^ \ [x] *y* <z> |w| "q" `r` 's' -- ''"""


def test_latex_is_booktabs_and_nothing_in_it_is_a_command_of_a_name(records, ask, tmp_path):
    records.add("one", f=0.5, params={"dataset.name": NASTY, "head.name": "a"})
    records.add("two", f=0.6, params={"dataset.name": "\\input{x}\u4e2d", "head.name": "[100]"})
    path = tmp_path / "table.tex"
    ask("export", "--where", "status = 'FINISHED'", "--latex", str(path), "--metric", "f1_weighted")
    text = path.read_text()
    assert text.startswith("% made by sarcasm runs export; it needs \\usepackage{booktabs}\n% runs:\n% ")
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")
    assert latex_text(NASTY) in text
    assert r"\textbackslash{}input\{x\}?" in text
    assert r"\textbf{0.600 (0.500 to 0.700)}" in text
    body = text[text.index(r"\midrule") :]
    assert not re.search(r"\\\\\s*[\[*]", body)
    assert body.count(r"\\") == 2


TOKEN = re.compile(
    "|".join(map(re.escape, sorted(LATEX.values(), key=len, reverse=True))) + r"|\{\}|[^\\{}%&#$_~^<>|\[\]*\"]"
)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_latex_shows_any_ascii_text_as_it_is(text):
    escaped = latex_text(text)
    assert "".join(TOKEN.findall(escaped)) == escaped  # nothing else stands in it
    meaning = {sign: character for character, sign in LATEX.items()} | {"{}": ""}
    assert "".join(meaning.get(token, token) for token in TOKEN.findall(escaped)) == text


@given(st.text())
def test_any_text_is_one_line_that_latex_knows_every_sign_of(text):
    assert re.fullmatch("[ -~\u00c0-\u00ff]*", latex_text(text))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_markdown_shows_any_text_as_it_is(text):
    escaped = markdown_text(text)
    assert re.sub(r"\\(.)", r"\1", escaped) == text
    assert not re.search(r"[`*\[\]<>|&~$#!]", re.sub(r"\\.", "", escaped))


@pytest.mark.parametrize(("text", "escaped"), {
    "http://x": r"http\://x", "www.x.org": r"www\.x.org", "- a": r"\- a", "12. a": r"12\. a", "3) ": r"3\) ", "---": r"\---",
    "a\r\n# b": r"a \# b", "![x](y)": r"\!\[x\](y)", "<b>": r"\<b\>", "0.5": "0.5", "-0.5": "-0.5", "a: b": "a: b", "a_b _c_": r"a_b \_c\_", "\x1b": r"\\x1b",
}.items())  # fmt: skip
def test_markdown_makes_nothing_of_a_text(text, escaped):
    assert markdown_text(text) == escaped


@given(st.text())
def test_no_cell_of_a_csv_is_computed(text):
    cell = csv_cell(text)
    assert cell.removeprefix("'") == text or cell == text
    if cell[:1] in tuple("=+-@\t\r"):
        float(cell)


@given(st.floats())
def test_a_number_of_a_csv_comes_back(number):
    assert float(csv_cell(number)) == number or number != number

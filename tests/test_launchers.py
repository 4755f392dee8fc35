"""Launchers: jobs in other processes, on Slurm (a stand-in for its commands) and on Ray. `make test-launchers` runs all.

What they run is a program with train.py's manners whose jobs take no time (sweep_fixtures.py); that real jobs are
nested in one run is tested in test_runs.py, and sweeps that are killed in tests/faults.
"""

import inspect
import json
import os
import signal
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hydra.core.config_store import ConfigStore
from hydra.utils import get_class
from setuptools import find_namespace_packages

from hydra_plugins.sarcasm_launchers import _job, on_submitit
from hydra_plugins.sarcasm_launchers.on_processes import ProcessLauncher
from hydra_plugins.sarcasm_launchers.on_ray import RayLauncher
from hydra_plugins.sarcasm_launchers.on_submitit import SubmititLocalLauncher
from hydra_plugins.sarcasm_launchers.own_configs import OwnConfigs
from sarcasm import console, explain, tensorflow_runtime
from sarcasm.errors import ConfigError
from sarcasm.processors import n_processors
from sarcasm.project import PROJECT
from sarcasm.ray_runtime import load_ray
from tests.sweep_fixtures import Sweep, processes_in

CONFIGS = sorted((PROJECT / "conf" / "hydra").glob("[ls]*er/*.yaml"))  # launcher, sweeper


def needs(package: str) -> tuple[pytest.MarkDecorator, ...]:
    reason = f"{package} is an extra: make test-launchers"
    return pytest.mark.slow, pytest.mark.skipif(not find_spec(package), reason=reason)


EACH = [
    "joblib",
    pytest.param("submitit_local", marks=needs("submitit")),
    pytest.param("ray", marks=needs("ray")),
]
LOST = "error: a worker process was killed (by the system where memory ran out?); run the same command again to go on"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_says_every_option_of_its_class_and_what_it_means(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    options = yaml.safe_load("\n".join(lines))
    parameters = inspect.signature(get_class(options.pop("_target_"))).parameters
    assert set(options) == set(parameters)
    assert lines[0].startswith("# ")
    assert all(any(line.startswith(f"{name}:") and "  # " in line for line in lines) for name in options)


@pytest.mark.parametrize("launcher", EACH)
def test_jobs_go_on_beside_one_that_fails_and_one_that_is_killed(sweep, launcher):
    options = ["num_cpus=2"] if launcher == "ray" else []
    status, out, err = sweep.call(
        f"hydra/launcher={launcher}", *(f"hydra.launcher.{option}" for option in options), "seed=1,101,2,102,3"
    )
    assert status == 1, err
    assert launcher == "ray" or out == ""  # Ray has its own to say of a worker that was killed
    said = [line for line in err.splitlines() if line.startswith("error: ")]
    assert sorted(said) == ["error: a made-up failure (job: seed=101)", f"{LOST} (job: seed=102)"]
    assert "Traceback" not in err
    assert "Warning" not in err
    done = [json.loads((sweep.folder / f"done_{seed}").read_text()) for seed in (1, 2, 3)]
    assert {each["parent"] for each in done} == {"the parent"}
    assert {each["folder"] for each in done} == {str(sweep.folder)}
    share = 1 if launcher == "ray" else max(1, n_processors() // 2)
    assert {(each["threads"], each["n_processors"]) for each in done} == {(str(share), share)}


@pytest.mark.parametrize("launcher", EACH)
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_ended_sweep_ends_its_jobs_and_leaves_no_process_behind(sweep: Sweep, launcher, number, status):
    options = ["hydra.launcher.num_cpus=2"] if launcher == "ray" else []
    process = sweep.begin(f"hydra/launcher={launcher}", *options, "seed=1,2,3", "trainer.steps=300")
    sweep.wait_for("began_1", "began_2")
    if number is signal.SIGINT:
        os.killpg(process.pid, number)  # as Ctrl-C does
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    assert "Traceback" not in err
    assert (sweep.folder / "ended_1").exists()
    assert (sweep.folder / "ended_2").exists()
    assert not (sweep.folder / "began_3").exists()
    assert processes_in(sweep.folder) == []


@pytest.mark.slow
def test_processes_end_with_the_one_that_began_them(sweep: Sweep):
    process = sweep.begin("hydra/launcher=joblib", "seed=1,2", "trainer.steps=300")
    sweep.wait_for("began_1", "began_2")
    assert len(processes_in(sweep.folder, ending_seconds=0)) > 1
    process.kill()
    process.communicate()
    # The fixture looks for what is left.


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("submitit"), reason="submitit is an extra: make test-launchers")
class TestSlurm:
    """With stand-ins for sbatch, srun, sacct and scancel; no cluster was tried."""

    @pytest.fixture
    def slurm(self, tmp_path: Path) -> dict[str, str]:
        commands = PROJECT / "tests" / "assets" / "slurm"
        return {"SLURM_STAND_IN": str(tmp_path), "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}

    def test_an_array_goes_on_beside_jobs_that_fail_and_are_killed(self, sweep, slurm, tmp_path):
        options = [
            "cpus_per_task=3",
            "mem_gb=5",
            "partition=short",
            "array_parallelism=2",
            "+additional_parameters.qos=low",
        ]
        words = [f"{'+' * option.startswith('+')}hydra.launcher.{option.lstrip('+')}" for option in options]
        status, _, err = sweep.call("hydra/launcher=slurm", *words, "seed=1,101,102,2", **slurm)
        assert status == 1, err
        said = [line for line in err.splitlines() if line.startswith("error: ")]
        assert sorted(said) == ["error: a made-up failure (job: seed=101)", f"{LOST} (job: seed=102)"]
        assert "Traceback" not in err
        done = [json.loads((sweep.folder / f"done_{seed}").read_text()) for seed in (1, 2)]
        assert {(each["threads"], each["parent"]) for each in done} == {("3", "the parent")}
        script = (tmp_path / "script").read_text()
        for line in (
            "array=0-3%2",
            "cpus-per-task=3",
            "mem=5GB",
            "partition=short",
            "qos=low",
            "time=60",
            "job-name=sarcasm",
        ):
            assert f"#SBATCH --{line}\n" in script
        assert "export OMP_NUM_THREADS=3 SRUN_CPUS_PER_TASK=3" in script

    def test_ctrl_c_cancels_what_is_in_the_queue(self, sweep, slurm, tmp_path):
        process = sweep.begin("hydra/launcher=slurm", "seed=1,2", "trainer.steps=300", **slurm)
        sweep.wait_for("began_1")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 130, err
        assert (tmp_path / "cancelled").read_text().split() == ["77_0", "77_1"]
        os.killpg(process.pid, signal.SIGKILL)  # what the stand-in would have had to

    def test_what_sbatch_refuses_is_one_line(self, sweep, slurm):
        status, _, err = sweep.call("hydra/launcher=slurm", "hydra.launcher.partition=nowhere", "seed=1,2", **slurm)
        assert status == 2
        expected = "error: hydra/launcher=slurm: sbatch refuses: sbatch: error: invalid partition specified: nowhere"
        assert err.splitlines()[-1] == expected

    def test_without_slurm_the_message_says_where_to_go(self, sweep):
        status, _, err = sweep.call("hydra/launcher=slurm", "seed=1,2")
        assert status == 2
        assert err.splitlines()[-1] == (
            "error: hydra/launcher=slurm: there is no Slurm on this machine; start the sweep on a login node of the"
            " cluster, or choose hydra/launcher=submitit_local"
        )


class Submitted:
    """A job of submitit's that ends after it was asked some times."""

    def __init__(self, n_looks: int) -> None:
        self.n_left = n_looks

    def done(self) -> bool:
        self.n_left -= 1
        return self.n_left <= 0


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_submitit_has_no_more_jobs_on_their_way_than_asked_for(monkeypatch, n_jobs):
    launcher, submitted, most = SubmititLocalLauncher(n_jobs, "nowhere", 60, 0), [], 0
    monkeypatch.setattr(on_submitit, "SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(launcher, "executor", lambda: None)
    monkeypatch.setattr(launcher, "given", lambda job, _: job.number)
    monkeypatch.setattr(launcher, "cancel", lambda running: submitted.extend(running))

    def submit(jobs, _):
        nonlocal most
        submitted.extend(new := [Submitted(job.number % 3 + 1) for job in jobs])
        most = max(most, sum(each.n_left > 0 for each in submitted))
        return new

    monkeypatch.setattr(launcher, "submit", submit)
    jobs = [SimpleNamespace(number=number) for number in range(7)]
    assert sorted(gave for _, gave in launcher.run(jobs)) == list(range(7))
    assert most == min(n_jobs, 7)
    assert len(submitted) == 7


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("submitit"), reason="submitit is an extra: make test-launchers")
def test_a_job_that_takes_too_long_for_submitit_says_so(sweep):
    status, _, err = sweep.call(
        "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=1", "seed=1,2", "trainer.steps=300"
    )
    assert status == 1
    assert err.count("stopped, as it takes longer than hydra.launcher.timeout_min=1; give it more") == 2
    assert "Traceback" not in err


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_an_address_without_a_ray_cluster_is_one_line(address):
    with pytest.raises(
        ConfigError,
        match=rf"^hydra.launcher.address={address}: this leads to no Ray cluster \(.*\); start one with ray start --head, or leave it null$",
    ):
        RayLauncher(address, None, 1)._join(None)


@pytest.mark.parametrize(
    ("has_token", "begins", "mode"), [(True, False, "token"), (False, True, "token"), (False, False, None)]
)
def test_ray_asks_for_a_token_and_shows_the_one_there_is(monkeypatch, tmp_path, has_token, begins, mode):
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "")  # noted, so that what is set is taken back
        monkeypatch.delenv(name)
    (tmp_path / ".ray").mkdir()
    if has_token:
        (tmp_path / ".ray" / "auth_token").touch()
    load_ray(begins=begins)
    assert os.environ.get("RAY_AUTH_MODE") == mode
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize("choice", explain.NEEDS)
def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(monkeypatch, capsys, choice):
    monkeypatch.setattr(explain, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["train.py", "-m", choice, "seed=1,2"])
    package = explain.NEEDS[choice]
    assert console.train_status(lambda: pytest.fail("begun")) == 2
    expected = f"error: {choice}: {package} is not installed; install it with pip install -e '.[{package}]'\n"
    assert capsys.readouterr().err == expected


def test_what_needs_a_package_has_a_config_and_the_package_an_extra():
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert explain.NEEDS
    for choice, package in explain.NEEDS.items():
        group, _, name = choice.partition("=")
        assert (PROJECT / "conf" / group / f"{name}.yaml").exists()
        assert any(requirement.startswith(package) for requirement in extras[package])


def test_a_launcher_that_does_not_exist_is_named_with_the_nearest(run_train):
    result = run_train("-m", "hydra/launcher=jolib", "seed=1,2")
    assert result.returncode == 2
    assert result.stderr.startswith("error: hydra/launcher=jolib: there is no such choice; did you mean joblib?")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("launcher", [ProcessLauncher, lambda n: SubmititLocalLauncher(n, "", 1, 0)])
def test_fewer_jobs_at_once_than_one_are_refused(launcher):
    with pytest.raises(ConfigError, match=r"^hydra.launcher.n_jobs=0: at least 1 is needed$"):
        launcher(0)


def test_our_config_counts_where_a_plugin_registers_one_of_the_same_name():
    store, mark = ConfigStore.instance(), {"_target_": "hydra_plugins.theirs"}
    for name in ("joblib", "theirs"):
        store.store(group="hydra/launcher", name=name, node=mark)
    try:
        OwnConfigs().manipulate_search_path(None)
        kept = store.repo["hydra"]["launcher"]
        assert "joblib.yaml" not in kept
        assert "theirs.yaml" in kept
    finally:
        store.repo["hydra"]["launcher"].pop("theirs.yaml")


@pytest.mark.parametrize(("n_there", "n_jobs", "share"), [(8, 2, "4"), (8, 3, "2"), (2, 4, "1")])
def test_processors_are_shared_out_among_jobs(monkeypatch, n_there, n_jobs, share):
    monkeypatch.setattr(_job, "n_processors", lambda: n_there)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert _job.share_of_processors(n_jobs) == share
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert _job.share_of_processors(n_jobs) == "7"


class Threading:
    """What stands in for tensorflow.config.threading."""

    def __init__(self) -> None:
        self.intra = self.inter = 0

    def set_intra_op_parallelism_threads(self, n: int) -> None:
        self.intra = n

    def set_inter_op_parallelism_threads(self, n: int) -> None:
        self.inter = n


def test_tensorflow_keeps_to_the_processors_of_its_process(monkeypatch):
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tensorflow_runtime, "n_processors", lambda: 3)
    tensorflow_runtime._share_processors(shared := Threading())
    assert (shared.intra, shared.inter) == (3, 3)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    tensorflow_runtime._share_processors(shared := Threading())
    assert (shared.intra, shared.inter) == (0, 3)


def test_plugins_are_part_of_what_is_installed_and_of_a_namespace():
    """A module beside the others' packages: with an __init__.py of its own it would hide theirs."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = find_namespace_packages(str(PROJECT), include=settings["packages"]["find"]["include"])
    assert {"hydra_plugins.sarcasm_launchers", "hydra_plugins.sarcasm_optuna", "sarcasm"} <= set(found)
    assert not (PROJECT / "hydra_plugins" / "__init__.py").exists()

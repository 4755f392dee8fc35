"""How the options of a command line are read, and what is said of a wrong one."""

import random
import re
import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from sarcasm import console
from sarcasm.config import compose, known_keys, parse, parse_preparation
from sarcasm.errors import ConfigError
from sarcasm.explain import read_command_line, read_overrides, text_of
from sarcasm.options import PLACES, at_home, is_place, leaves
from sarcasm.terminal import visible

NAMES = [
    "my clips (final).csv", "a=b.csv", "clips #2.csv", "it's.csv", "éà.csv", "50%.csv", "[x].csv", "[x]", "{a: b}", "{a}",
    "$HOME.csv", "a;b|c&d", "`x`", "007", "7e1", "1_000", "true", 'say "so".csv', "it's \"so\".csv", "C:\\clips\\a.csv",
    "a\\", "a\nb", "a\tb", "🎧.csv", "x" * 5000, "-x", "==", "'", "a~b", "@a", "a:b", "<a>", "a!",
]  # fmt: skip


def manifest(*words: str) -> str:
    return str(compose("config", ["dataset=manifest", *words]).dataset.manifest)


def value_of(word: str, config: str = "config", is_sweep: bool | None = None) -> object:
    """What Hydra reads in an override."""
    (read,) = read_overrides([word], config, is_sweep)
    (override,) = OverridesParser.create().parse_overrides([read])
    return override.value()


@pytest.mark.parametrize("name", NAMES)
def test_a_path_or_any_other_text_is_what_was_typed(name):
    for key in ("dataset.manifest", "++dataset.manifest", "store.path", "tracking.uri", "tracking.run_name"):
        assert value_of(f"{key}={name}") == name
    for key in ("data_dir", "source.mustard_videos.url", "extract.speechnorm"):
        assert value_of(f"{key}={name}", "prepare") == name


def test_what_was_typed_comes_to_stand_in_the_config():
    for name in ("a${b", "my clips (final).csv", 'it\'s="1".csv', "éà\\", "a\nb"):
        assert manifest(f"dataset.manifest={name}") == name


def test_what_is_in_quotes_of_hydra_or_an_interpolation_is_read_as_such():
    assert value_of("dataset.manifest='my clips (final).csv'") == "my clips (final).csv"
    assert value_of('dataset.manifest="a, b.csv"') == "a, b.csv"
    assert value_of(r"dataset.manifest=a\, b.csv") == "a, b.csv"
    assert value_of("dataset.manifest= a.csv ") == "a.csv"
    assert manifest("dataset.manifest=${dataset.name}.csv") == "manifest.csv"
    assert value_of("pca.params=null") is None


@pytest.mark.parametrize(
    "name", ["a, b.csv", "a,b.csv", "${a}.csv", r"\${a}.csv", "'a'", " a.csv", "a.csv ", r"a\,b", "null"]
)
def test_a_file_that_is_called_so_is_meant_by_its_very_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    if "${" in name:
        assert manifest(f"dataset.manifest={name}") == name
    else:
        for is_sweep in (None, False, True):
            assert value_of(f"dataset.manifest={name}", is_sweep=is_sweep) == name
            assert value_of(f"tracking.uri=sqlite:///{name}", is_sweep=is_sweep) == f"sqlite:///{name}"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
@settings(max_examples=80, deadline=None)
def test_any_text_is_read_as_typed_or_refused_with_a_line_that_is(text):
    try:
        (word,) = read_overrides([f"dataset.manifest={text}"], "config")
    except ConfigError as error:
        (line,) = re.findall(r", or for one name write (.*)", str(error), re.DOTALL)
        (word,) = shlex.split(line)
        assert text_of(word) == text
    else:
        if "${" not in text and "\\" not in text and not text.strip().startswith(("'", '"')):
            assert text_of(word) in (text, text.strip() if text.strip().lower() != "null" else None)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0,\\'\"[]{}$"), min_size=1), min_size=1))
@settings(max_examples=40, deadline=None)
def test_ids_in_a_list_are_what_was_typed(ids):
    ids = [each.strip() for each in ids if each.strip()]
    assert [str(each) for each in value_of(f"dataset.only=[{','.join(ids)}]")] == ids


def test_the_values_of_a_sweep_are_what_was_typed():
    assert read_overrides(["dataset.only=[2_97, a],[b]"], "config", is_sweep=True) == ['dataset.only=["2_97",a],[b]']
    typed = ["dataset.manifest=a.csv,my clips (1).csv,1e3", "head=small,big", "seed=range(0,3)"]
    found = read_overrides(typed, "config", is_sweep=True)
    assert found == ['dataset.manifest=a.csv,"my clips (1).csv","1e3"', "head=small,big", "seed=range(0,3)"]


def test_the_users_own_folder_is_put_into_every_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ana")
    typed = dict.fromkeys((*PLACES, "source.mustard_videos.url"), "~/my clips (1).csv")
    typed["tracking.uri"] = "sqlite:///~/my runs (1).db"
    seen = set()
    for config, choice in (("config", "smoke"), ("config", "manifest"), ("prepare", "")):
        known = leaves(
            compose(
                config,
                [f"dataset={choice}", "dataset.manifest=x"][: 2 if choice == "manifest" else 1] if choice else [],
            )
        )
        own = {key: text for key, text in typed.items() if key in known}
        cfg = compose(
            config, [*([f"dataset={choice}"] if choice else []), *(f"{key}={text}" for key, text in own.items())]
        )
        (parse if config == "config" else parse_preparation)(cfg)
        assert {key: leaves(cfg)[key] for key in own} == {
            key: text.replace("~", "/home/ana") for key, text in own.items()
        }
        seen |= {*own}
    assert seen == {*typed}
    assert all(map(is_place, typed))


def test_a_place_of_no_such_user_is_left_as_it_is(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ana")
    assert at_home("~no_such_user/a") == "~no_such_user/a"
    assert at_home("a~b") == "a~b"
    assert at_home("http://~a") == "http://~a"
    assert at_home("sqlite:////tmp/a~.db") == "sqlite:////tmp/a~.db"


def test_the_store_that_the_environment_names_may_lie_in_the_users_own_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ana")
    monkeypatch.setenv("SARCASM_STORE", "~/embeddings.db")
    assert parse(compose("config", [])).store.path == "/home/ana/embeddings.db"


FORM = "not of the form OPTION=VALUE (a value with spaces, commas or brackets needs quotes)"
EXPERIMENTS = "castro2019_sd, castro2019_si, gao2022, notebook_denoised, notebook_original, notebook_smoke"
SPLITS = "example, kfold, mustard_sd, mustard_si, predefined, show_out, speaker, utterance"
WRONG = {
    "~seed": "~seed: no option can be taken away; leave it out or give it a value: seed=42",
    "~seed=42": "~seed=42: no option can be taken away; leave it out or give it a value: seed=42",
    "~dataset": "~dataset: no option can be taken away; leave it out or give it a value: dataset=smoke",
    "~foo": "there is no option foo",
    "=x": "=x: no option is named before it; write OPTION=VALUE",
    "+=x": "+=x: no option is named before it; write OPTION=VALUE",
    "@x=y": "@x=y: no option is named before it; write OPTION=VALUE",
    "~": "~: no option is named before it; write OPTION=VALUE",
    "++": f"++: {FORM}; name an option, as in seed=42",
    "": f'"": {FORM}; name an option, as in seed=42',
    "-x": f"-x: {FORM}; name an option, as in seed=42",
    "sed": f"sed: {FORM}; did you mean seed?",
    "seed": f"seed: {FORM}; write seed=42",
    "seed:1": f"seed:1: {FORM}; write seed=1",
    "seed =1": f"seed =1: {FORM}; write seed=1",
    "seed==1": f"seed==1: {FORM}; write seed=1",
    "seed=1 (x)": f"seed=1 (x): {FORM}; a whole number is needed, as in seed=42",
    "seed=": "seed: Value '' of type 'str' could not be converted to Integer; a whole number is needed, as in seed=42",
    "seed=null": "field 'seed' is not Optional; a whole number is needed, as in seed=42",
    "seeds=[0": f"seeds=[0: {FORM}; write 'seeds=[0]'",
    "dataset.only=['a', é]": f"""dataset.only=['a', é]: {FORM}; write 'dataset.only=['"'"'a'"'"',"é"]'""",
    "+seed=1": "+seed=1: seed is there already; write seed=1",
    "+dataset=smoke": "+dataset=smoke: dataset is there already; write dataset=smoke",
    "++dataset=smoke": "++dataset=smoke: dataset is a choice; write dataset=smoke",
    "dataset@x=smoke": "there is no option dataset@x; did you mean dataset?",
    "dataset=my clips (1)": f"dataset=my clips (1): {FORM}; write dataset=smoke",
    "experiment=null": f"experiment=null: no experiment is chosen unless it is named; leave it out, or choose from {EXPERIMENTS}",
    "hydra.foo=bar": "there is no option hydra.foo; python train.py --cfg hydra prints those of Hydra",
    "hydra.run.dir=~/x": f"hydra.run.dir=~/x: {FORM}; write 'hydra.run.dir=\"~/x\"'",
    "trainer=[1,2]": "trainer=[1,2]: one trainer is chosen at a time, by its name (choose from full_batch, mini_batch)",
    "split=[a,[b,{c:d}]]": f"split=[a,[b,{{c:d}}]]: one split is chosen at a time, by its name (choose from {SPLITS})",
    "head=[bgi]": "head=[bgi]: one head is chosen at a time, by its name; did you mean big? (choose from big, linear, small, svm)",
    "head={}": "head={}: one head is chosen at a time, by its name (choose from big, linear, small, svm)",
    "experiment=[gao2022]": "experiment=[gao2022]: one experiment is chosen at a time, by its name; did you mean gao2022?"
    f" (choose from {EXPERIMENTS})",
    "denoise=[1,2]": "there is no option denoise",
    "seed=1,2": "seed=1,2 names several values; one is needed, or write a list as seed=[...]",
    "dataset.manifest=a,b.csv": "dataset.manifest=a,b.csv names several values; one is needed, or for one name write"
    " 'dataset.manifest=\"a,b.csv\"'",
    "head.hidden=[1.5]": "head.hidden[0]: Value '1.5' of type 'float' could not be converted to Integer; a list of whole"
    " numbers is needed, as in head.hidden=[100]",
    "embedding.checkpoint=": "embedding.checkpoint has no value; give it one with embedding.checkpoint=...",
    "tracking.run_name=\udcff": r"tracking.run_name=\udcff: not a text in UTF-8; give the file another name",
}  # fmt: skip
SIZES = {
    "head.hidden=[100000000]": "head.hidden=[100000000]: training 13,000,000,000 weights takes 208.0 GB of memory, and there"
    " are 25.0 GB; choose fewer units",
    "head.hidden=[100000,100000]": "head.hidden=[100000, 100000]: training 10,013,000,000 weights takes 160.2 GB of memory, and"
    " there are 25.0 GB; choose fewer units",
    f"head.hidden=[{'1,' * 100}1]": "head.hidden: 101 layers; 100 at most are possible",
    "head.hidden=[0]": "head.hidden=[0]: a layer needs at least one unit",
    "head.hidden=[-4]": "head.hidden=[-4]: a layer needs at least one unit",
    "trainer.steps=1000000000": "trainer.steps=1000000000: each step is a point of train/loss, and as many take 100 GB of the"
    " store; 10,000,000 at most are possible",
    "trainer.steps=0": "trainer.steps=0: at least 1 is needed",
    "trainer.batch_size=-1": "trainer.batch_size=-1: at least 1 is needed",
    "trainer.learning_rate=nan": "trainer.learning_rate=nan: a number above 0 is needed",
    "trainer.epsilon=inf": "trainer.epsilon=inf: a number above 0 is needed",
    "seeds=[0,0]": "seeds=[0, 0]: each seed can stand there once",
    f"seeds={[*range(1001)]}": "seeds: 1,001 fits are asked for, a run each; 1,000 at most are possible",
    "embedding.random_seed=-1": "embedding.random_seed=-1: a whole number from 0 to 18446744073709551615 is needed",
    "tracking.flush_seconds=1e300": "tracking.flush_seconds=1e+300: at most 86400, a day, are possible",
    "tracking.timeout_seconds=1e9": "tracking.timeout_seconds=1000000000.0: at most 86400, a day, are possible",
}


def said(words: list[str], capsys, config: str = "config") -> str:
    """What the terminal says of overrides that are wrong."""
    read = {"config": parse, "prepare": parse_preparation}[config]
    status = console.exit_status(lambda: read(compose(config, words)) and None, words, config)
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    return captured.err


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_override_is_named_with_what_to_write(word, capsys):
    assert said([word], capsys) == f"error: {WRONG[word]}\n"


@pytest.mark.parametrize("word", SIZES)
def test_a_size_that_cannot_be_is_refused_with_what_it_would_take(word, capsys, monkeypatch):
    monkeypatch.setattr("sarcasm.fit.memory_bytes", lambda: 25 * 10**9)
    assert said([word], capsys) == f"error: {SIZES[word]}\n"


def test_a_preparation_is_read_in_the_same_way(capsys):
    assert said(["denoise=[1,2]"], capsys, "prepare") == (
        "error: denoise=[1,2]: one denoise is chosen at a time, by its name (choose from deepfilternet, noisereduce)\n"
    )
    assert said(["workers=100000"], capsys, "prepare") == (
        "error: workers=100000: as many processes at once take 30,000 GB of memory; 256 at most are possible, and null"
        " takes one on each core\n"
    )


FLAGS = {
    ("--multi-run",): "there is no flag --multi-run; did you mean --multirun?",
    ("-x",): "there is no flag -x",
    ("--cfg", "jobs"): "argument --cfg/-c: invalid choice: 'jobs' (choose from 'job', 'hydra', 'all')",
    ("head=big", "-m", "seed=1,2"): "seed=1,2 stands after a flag that follows other options; write flags first, as in -m seed=1,2",
    ("head=big", "-m", f"seed={'1' * 9000}"): f"seed={'1' * 195}... (9005 characters) stands after a flag that follows other options;"
    f" write flags first, as in -m seed={'1' * 195}... (9005 characters)",
}  # fmt: skip


@pytest.mark.parametrize("words", FLAGS)
def test_a_wrong_flag_is_named(words):
    with pytest.raises(ConfigError) as caught:
        read_command_line(words)
    assert str(caught.value) == f"{FLAGS[words]}; see python train.py --help and python train.py --hydra-help"


def test_flags_and_options_keep_their_places():
    typed = ["-m", "tracking.run_name=a (1)", "-cn", "other", "seed=1,2"]
    with pytest.raises(ConfigError, match="stands after a flag"):
        read_command_line(typed)
    assert read_command_line(["-m", "-cn", "seed=1", "tracking.run_name=a (1)", "seed=1,2"]) == [
        "-m", "-cn", "seed=1", 'tracking.run_name="a (1)"', "seed=1,2"
    ]  # fmt: skip
    assert read_command_line(["hydra.mode=MULTIRUN", "seed=1,2"]) == ["hydra.mode=MULTIRUN", "seed=1,2"]
    assert read_command_line(["-sc", "install=bash"]) == ["-sc", "install=bash"]


SWEEPS = {
    "seed=range(0,1000000)": "seed=range(0,1000000): the sweep would have 2,000,000 jobs; 100,000 at most are possible",
    "seed=range(0,1e400)": "seed=range(0,1e400): the numbers of a range must be finite",
    "seed=range(0,nan)": "seed=range(0,nan): the numbers of a range must be finite",
    "trainer=[1,2],full_batch": "trainer=[1,2],full_batch: one trainer is chosen at a time, by its name"
    " (choose from full_batch, mini_batch)",
}


@pytest.mark.parametrize("word", SWEEPS)
def test_a_sweep_that_cannot_be_is_refused_before_it_begins(word):
    with pytest.raises(ConfigError) as caught:
        read_command_line(["-m", "pca=on,off", word])
    assert str(caught.value) == SWEEPS[word]
    (swept,) = read_command_line(["-m", "hydra/sweeper=optuna", "seed=range(0,1000000)"])[2:]
    assert swept == "seed=range(0,1000000)"


VALUES = (
    "1", "-1", "1.5", "nan", "1e400", "null", "true", "[]", "{}", "[1,2]", "[a,[b,{c:d}]]", "~/x", "'x'", "${x}", "a,b",
    "range(1,3)", "choice(a,b)", "glob(*)", "x" * 9000, "1" * 5000, "[" * 30, "é", "a (1).csv", "it's", "", "\x00", "\udcff",
    "???", "on", "small", "int(3)", "extend_list(1)", "interval(0,1)", "tag(a,1)", "a\nb",
)  # fmt: skip


def mutated(rng: random.Random, config: str) -> str:
    """An override as nobody should write it."""
    key = rng.choice([*known_keys(config), "hydra.run.dir", "hydra/launcher", "foo", "dataset.foo", "schema"])
    word = rng.choice(["", "", "", "+", "++", "~"]) + key + rng.choice("==== : ") + rng.choice(VALUES)
    for _ in range(rng.choice([0, 0, 1, 2])):
        place = rng.randrange(len(word) + 1)
        word = word[:place] + rng.choice("=~+@#'\"[]{}(),$%\\ /.-0é:") + word[place + rng.choice([0, 1]) :]
    return word


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("config", ["config", "prepare"])
def test_whatever_is_typed_is_read_or_refused_in_a_line_that_names_it(seed, config, capsys):
    rng = random.Random(seed)
    statuses = set()
    for _ in range(120):
        word = mutated(rng, config)
        status = console.exit_status(lambda word=word: read_overrides([word], config) and None, [word], config)
        said, statuses = capsys.readouterr().err, statuses | {status}
        if status:
            assert status == 2
            assert said.startswith("error: ")
            assert said.count("\n") == 1
            begin = re.split(r"[=:@]", " ".join(word.split()).lstrip("+~"))[0].strip()[:100]
            assert visible(begin.replace("\udcff", r"\udcff")).strip() in said, ascii(word)
    assert statuses == {0, 2}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_typed_is_composed_or_refused_in_a_line(seed, capsys):
    rng = random.Random(seed)
    for _ in range(100):
        config = rng.choice(["config", "prepare"])
        words = [mutated(rng, config) for _ in range(rng.choice([1, 1, 2]))]
        read = parse if config == "config" else parse_preparation
        status = console.exit_status(
            lambda words=words, config=config, read=read: read(compose(config, words)) and None, words, config
        )
        said = capsys.readouterr().err
        assert status in (0, 2), words
        assert said.count("\n") == (status != 0), words

import pytest
from hydra import compose, initialize_config_dir

from sarcasm import help as help_page
from sarcasm.config import identity, known_keys, parse, run_name
from sarcasm.errors import ConfigError
from sarcasm.heads import MLP
from sarcasm.options import leaves
from sarcasm.resampling import Resampler


def composed(*overrides: str):
    with initialize_config_dir(str(help_page.CONF), version_base="1.3"):
        return compose("config", list(overrides))


def test_a_config_becomes_the_classes_that_its_choices_name():
    config = parse(composed("head=big", "resampler=soxr"))
    assert config.head == MLP(name="big", hidden=[4096, 4096])
    assert config.resampler is Resampler.soxr
    assert run_name(config) == "smoke-pca_on-big-s42"


def test_the_leaves_are_all_options_by_their_dotted_keys():
    found = leaves(composed("head=big"))
    assert found["head.hidden"] == [4096, 4096]
    assert found["scale"] == "none"
    assert found["dataset.labels"] == f"{found['dataset.directory']}/sarcasm_data.json"
    assert set(found) < set(known_keys())


SAME = [
    "tracking.experiment=other",
    "dataset.directory=elsewhere",
    "embedding.checkpoint=other.ckpt",
    "pca.params=other.npz",
    "sweep=fail_fast",
    "force=true",
    "trainer.checkpoint_seconds=null",
]
OTHER = [
    "seed=1",
    "head=big",
    "trainer.steps=31",
    "scale=standard",
    "dataset.short_clips=drop",
    "pca=off",
    "split=example",
]


@pytest.mark.parametrize("override", SAME)
def test_where_things_lie_is_not_part_of_the_identity(override):
    assert identity(composed(override)) == identity(composed())


@pytest.mark.parametrize("override", OTHER)
def test_what_can_change_a_result_is_part_of_the_identity(override):
    assert identity(composed(override)) != identity(composed())


@pytest.mark.parametrize("override", ["+head.foo=1", "++trainer.step=3", "+foo=1", "+foo.bar=1"])
def test_options_that_hydra_lets_pass_are_refused(override):
    with pytest.raises(
        ConfigError, match=f"^there is no option {override.lstrip('+').split('=')[0].removesuffix('.bar')}"
    ):
        parse(composed(override))

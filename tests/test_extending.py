"""What docs/extending.md tells to add, added to a copy of the project word by word, then used."""

import re

import pytest

from sarcasm.project import PROJECT

TEXT = (PROJECT / "docs" / "extending.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    (found,) = [
        text for text in re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL) if containing in text
    ]
    return found


@pytest.mark.slow
def test_a_head_is_one_class_and_one_file(run_train, project_copy):
    heads = project_copy / "sarcasm" / "heads.py"
    heads.write_text(heads.read_text() + "\n\n" + block("python", "class Bottleneck"))
    (project_copy / "conf" / "head" / "bottleneck.yaml").write_text(block("yaml", "head_bottleneck"))
    result = run_train("head=bottleneck", "trainer.steps=2", "pca=off", project=project_copy)
    assert result.returncode == 0, result.stderr
    assert "head=bottleneck " in run_train("--help", project=project_copy).stdout


def test_a_dataset_with_a_manifest_is_one_file(run_train, project_copy):
    (project_copy / "conf" / "dataset" / "podcasts.yaml").write_text(block("yaml", "podcasts"))
    result = run_train("dataset=podcasts", project=project_copy)
    assert result.returncode == 1
    assert f"{project_copy}/data/podcasts/clips.csv" in result.stderr

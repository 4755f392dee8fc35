"""The card of a model: in the run and beside the model, with its cautions, and nothing that a name could break."""

from sarcasm.packaged import Origin
from sarcasm.report import write_card_of_fit
from tests.package_fixtures import PackagedRun, fits_of


def test_the_card_of_a_run_lies_beside_its_model(packaged_run: PackagedRun) -> None:
    card = (packaged_run.artifacts / "MODEL_CARD.md").read_text()
    assert (packaged_run.model / "MODEL_CARD.md").read_text() == card
    assert card.startswith("# Model card: smoke-pca_on-small-s42\n\n> **Caution:** The clips are made up")
    titles = [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]
    assert titles == [
        "What it is", "Data", "How it was tested", "What it is worth", "Calibration", "Intended use", "Limits", "Use"
    ]  # fmt: skip
    for said in (
        "| made up | yes: the sound is synthesised |", "| leaks | no |", "95 % interval of weighted F: ",
        "| does not listen: clip length |", f"sarcasm predict clip.wav --run {packaged_run.run_id}\n",
    ):  # fmt: skip
        assert said in card


def test_each_fit_has_a_card_of_its_own(acoustic_run: PackagedRun) -> None:
    whole = (acoustic_run.artifacts / "MODEL_CARD.md").read_text()
    assert "The run has 2 fits, each with a model in a run of its own" in whole
    assert whole.endswith(f"--run {acoustic_run.run_id} --fold FOLD\n")
    for seed, fit in enumerate(fits_of(acoustic_run)):
        card = (fit.model / "MODEL_CARD.md").read_text()
        assert f"fold holdout, seed {seed}, of run {acoustic_run.run_id}" in card
        assert "interval of weighted F" not in card


def test_names_cannot_break_a_card(tmp_path) -> None:
    from sarcasm.scoring import Scores

    origin = Origin("x", "sha256:0", False, ("clip <img src=x>\n# no title | [link](http://x) *is* `bad`",))
    scores = Scores.__new__(Scores)
    for name in ("f1_weighted", "f1_macro", "precision_weighted", "recall_weighted", "accuracy", "auroc"):
        object.__setattr__(scores, name, 0.5)
    facts = dict.fromkeys(("embedding", "PCA", "head", "fits", "dataset", "examples", "split", "shared"), "a | b\nc")
    write_card_of_fit(
        tmp_path, "n\n# o", "0" * 32, facts, origin, {"utterance": scores, "example": scores}, "p", "f", 1
    )
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "# Model card: n \\# o\n" in card
    assert "> **Caution:** clip \\<img src=x\\> \\# no title \\| \\[link\\](http\\://x) \\*is\\* \\`bad\\`\n" in card
    assert "| head | a \\| b c |\n" in card
    assert "| made up | no |" in card

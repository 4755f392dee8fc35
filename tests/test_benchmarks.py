"""What ours is measured against computes what it should, or a ratio would say nothing. No test asserts a time."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks import front_end, made_up, notebook
from sarcasm.config import compose, parse
from sarcasm.corpus.wav import wav_bytes
from sarcasm.tensorflow_runtime import building_a_graph, load_tf_slim
from tests.assets.vggish import inputs


@pytest.fixture
def tf_slim():
    """Loaded as ours, so that it does not matter to other tests who was first."""
    load_tf_slim()
    with building_a_graph():
        yield


@pytest.mark.parametrize("name", ["sine_3s", "noise_2s", "exact_15600"])
def test_the_plain_formulas_give_the_references_examples(reference, name):
    examples = front_end.plain_examples(reference.waveforms[name], 16_000)
    assert_allclose(examples, reference.examples[name], rtol=0, atol=1e-5)


def test_librosa_gives_as_many_examples_and_nearly_the_same(reference):
    waveform = reference.waveforms["chirp_4s"].astype(np.float32)
    examples, expected = front_end.librosa_examples(waveform, 16_000), reference.examples["chirp_4s"]
    assert examples.shape == expected.shape
    assert np.corrcoef(examples.ravel(), expected.ravel())[0, 1] > 0.999


def test_the_notebook_embeds_and_labels_the_clips_of_a_folder(tf_slim, reference, v1_checkpoint, tmp_path):
    names = ["sine_3s", "noise_2s"]
    (tmp_path / made_up.AUDIO).mkdir()
    for name in names:
        sound = wav_bytes(reference.waveforms[name][:, np.newaxis], 16_000, "float_32")
        (tmp_path / made_up.AUDIO / f"{name}.wav").write_bytes(sound)
    (tmp_path / made_up.LABELS).write_text('{"sine_3s": {"sarcasm": true}, "noise_2s": {"sarcasm": false}}')
    (tmp_path / made_up.CHECKPOINT).symlink_to(v1_checkpoint)

    X, y = notebook.table(tmp_path)

    positions = {name: len(examples) for name, examples in reference.examples.items()}
    starts = dict(zip(positions, np.cumsum([0, *positions.values()]), strict=False))
    expected = np.concatenate([reference.embeddings[starts[name] :][: positions[name]] for name in names])
    assert_allclose(X, expected, rtol=0, atol=1e-3 * reference.embeddings.std())
    assert y.tolist() == [[1, 0]] * 3 + [[0, 1]] * 2


def test_the_notebooks_pca_is_the_references(reference):
    bytes_ = notebook.postprocess(reference.embeddings, inputs.pca_parameters())
    differences = np.abs(bytes_.astype(int) - reference.quantized)
    assert differences.max() <= 1
    assert np.mean(differences == 0) >= 0.999


def test_the_notebook_learns_what_is_plain_and_reports_it(tf_slim, monkeypatch, rng, tmp_path):
    is_sarcastic = np.arange(40) % 2 == 0
    X = (rng.standard_normal((40, 128)) + 20 * is_sarcastic[:, np.newaxis] - 10).astype(np.float32)
    y = np.stack([is_sarcastic, ~is_sarcastic], axis=1).astype(np.float32)
    monkeypatch.setattr(notebook, "table", lambda folder: (X, y))
    report = notebook.run(tmp_path, has_pca=False, hidden=(100,), seed=0)
    lines = {line.rsplit(maxsplit=4)[0].strip(): line.split()[-4:] for line in report.splitlines() if line.strip()}
    assert lines["sarcastic"] == lines["non_sarcastic"] == ["1.00", "1.00", "1.00", "4"]


def test_made_up_clips_are_a_dataset(tmp_path):
    made_up.write_clips(tmp_path, 4)
    corpus = parse(compose("config", made_up.options(tmp_path))).dataset.read()
    assert [utterance.is_sarcastic for utterance in corpus.utterances] == [True, False, True, False]
    assert len(set(corpus.hashes.values())) == 4

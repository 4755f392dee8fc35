import logging
import subprocess
import sys

import numpy as np
import pytest

from sarcasm.tensorflow_runtime import load_tensorflow
from sarcasm.vggish import Engine, Postprocessor, VGGish
from sarcasm.vggish.constants import variable_shapes
from sarcasm.vggish.network import embeddings_of
from tests.assets.vggish import inputs


@pytest.fixture(scope="module", params=["graph", "winograd"])
def network(request, v1_checkpoint):
    with VGGish(v1_checkpoint, Engine[request.param]) as opened:
        yield opened


def test_embeddings_equal_the_reference(network, reference):
    embeddings = network.embed(reference.all_examples)
    assert embeddings.dtype == np.float32
    assert np.abs(embeddings - reference.embeddings).max() < 1e-3 * reference.embeddings.std()


def test_bytes_equal_the_reference(network, reference, pca_params):
    quantized = Postprocessor(pca_params).postprocess(network.embed(reference.all_examples))
    off = np.abs(quantized.astype(int) - reference.quantized)
    assert np.mean(off == 0) >= 0.999
    assert off.max() <= 1


@pytest.mark.parametrize("n", [0, 1, 65])
def test_any_number_of_examples_gives_as_many_embeddings(network, reference, n):
    examples = np.resize(reference.all_examples, (n, 96, 64))
    embeddings = network.embed(examples)
    assert embeddings.shape == (n, 128)
    assert np.allclose(embeddings, np.resize(reference.embeddings, (n, 128)), atol=1e-3 * reference.embeddings.std())


@pytest.mark.parametrize("shape", [(96, 64), (2, 64, 96), (1, 96, 64, 1)])
def test_another_shape_is_refused(network, shape):
    with pytest.raises(ValueError, match=r"^examples are \[n, 96, 64\], not "):
        network.embed(np.zeros(shape, np.float32))


def test_the_graph_has_the_checkpoints_variables_and_trains_none_away():
    tf = load_tensorflow().compat.v1
    with tf.Graph().as_default():
        embeddings_of(tf.placeholder(tf.float32, [None, 96, 64]))
        found = {variable.op.name: tuple(variable.shape.as_list()) for variable in tf.global_variables()}
    assert found == variable_shapes() == {name: values.shape for name, values in inputs.weights().items()}
    assert sum(np.prod(shape) for shape in found.values()) == 72_141_184


def test_random_weights_keep_activations_at_one_scale():
    with VGGish.random(0) as network, VGGish.random(0) as again, VGGish.random(1) as other:
        assert network.weights_fingerprint == "random:0"
        examples = np.random.default_rng(0).normal(-3, 1, (8, 96, 64)).astype(np.float32)
        embeddings = network.embed(examples)
        assert np.array_equal(embeddings, again.embed(examples))
        assert not np.allclose(embeddings, other.embed(examples))
    assert 0.1 < embeddings.std() < 30
    assert np.all(embeddings.std(axis=0) > 1e-3)


def test_auto_falls_back_to_the_graph_and_says_so(monkeypatch, caplog, v1_checkpoint, reference):
    from sarcasm.vggish import winograd

    def fails(weights):
        raise RuntimeError("no such processor")

    monkeypatch.setattr(winograd, "WinogradNetwork", fails)
    with caplog.at_level(logging.WARNING), VGGish(v1_checkpoint) as network:
        embeddings = network.embed(reference.all_examples)
    assert caplog.messages == ["embedding.engine=graph is used, since winograd does not run here: no such processor"]
    assert np.abs(embeddings - reference.embeddings).max() < 1e-3 * reference.embeddings.std()
    with pytest.raises(RuntimeError, match="no such processor"):
        VGGish(v1_checkpoint, Engine.winograd)


def test_tensorflow_says_nothing_on_the_screen(v1_checkpoint):
    script = (
        "import numpy as np; from sarcasm.vggish import VGGish, Engine\n"
        f"with VGGish({str(v1_checkpoint)!r}, Engine.graph) as network: network.embed(np.zeros((1, 96, 64)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert (result.stdout, result.stderr) == ("", "")

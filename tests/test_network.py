import logging
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from sarcasm.tensorflow_runtime import load_tensorflow
from sarcasm.vggish import Engine, Layer, Postprocessor, VGGish
from sarcasm.vggish.constants import variable_shapes
from sarcasm.vggish.network import embeddings_of
from sarcasm.vggish.network_check import check, plain_embedding
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


@pytest.mark.parametrize(
    ("layer", "train_from", "n_trainable"),
    [
        (Layer.fc2, None, 0),
        (Layer.fc2, "conv1", 18),
        (Layer.fc2, "conv4", 10),
        (Layer.fc2, "fc2", 2),
        (Layer.pool4, None, 0),
        (Layer.pool4, "conv2", 10),
        (Layer.pool4, "conv4", 4),
    ],
)
def test_variables_are_trainable_from_a_block_on(layer, train_from, n_trainable):
    tf = load_tensorflow().compat.v1
    with tf.Graph().as_default():
        embeddings_of(tf.placeholder(tf.float32, [None, 96, 64]), layer, train_from)
        assert len(tf.trainable_variables()) == n_trainable
        assert len(tf.model_variables()) == len(tf.global_variables()) == (18 if layer is Layer.fc2 else 12)


@pytest.mark.parametrize("engine", [Engine.graph, Engine.winograd])
def test_pool4_is_the_mean_of_the_last_convolution(v1_checkpoint, reference_weights, reference, engine):
    with VGGish(v1_checkpoint, engine, Layer.pool4) as network:
        found = network.embed(reference.all_examples[::7])
    expected = [plain_embedding(each, reference_weights, Layer.pool4) for each in reference.all_examples[::7]]
    assert found.shape == (len(expected), 512)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.std(expected))


def test_plain_numpy_gives_the_references_embeddings(reference, reference_weights):
    for example, expected in list(zip(reference.all_examples, reference.embeddings, strict=True))[::7]:
        found = plain_embedding(example, reference_weights)
        assert np.abs(found - expected).max() < 1e-3 * reference.embeddings.std()


@pytest.mark.parametrize("engine", [Engine.auto, Engine.winograd])
def test_a_network_that_is_wrong_is_noticed(monkeypatch, caplog, v1_checkpoint, reference, engine):
    from sarcasm.vggish.winograd import WinogradNetwork

    embed, closed = WinogradNetwork.embed, []

    def embed_wrongly(self, examples):
        embeddings = embed(self, examples)
        embeddings[:, 5] += 0.01
        return embeddings

    monkeypatch.setattr(WinogradNetwork, "embed", embed_wrongly)
    monkeypatch.setattr(WinogradNetwork, "close", lambda self: closed.append(self._pool.shutdown()))
    expected = "its embedding of a test example is off by 1.0e-02"
    if engine is Engine.winograd:
        with pytest.raises(RuntimeError, match=f"^{re.escape(expected)}$"):
            VGGish(v1_checkpoint, engine)
    else:
        with caplog.at_level(logging.WARNING), VGGish(v1_checkpoint, engine) as network:
            embeddings = network.embed(reference.all_examples[:2])
        assert caplog.messages == [f"embedding.engine=graph is used, since winograd does not run here: {expected}"]
        assert np.abs(embeddings - reference.embeddings[:2]).max() < 1e-3 * reference.embeddings.std()
    assert len(closed) == 1


def test_where_tensorflow_has_a_gpu_the_graph_is_taken(monkeypatch):
    from sarcasm.vggish import model
    from sarcasm.vggish.network import GraphNetwork

    monkeypatch.setattr(model, "has_gpu", lambda: True)
    with VGGish.random(0, layer=Layer.pool4) as network:
        assert isinstance(network._network, GraphNetwork)


def test_products_are_float32_on_any_processor():
    assert not load_tensorflow().config.experimental.tensor_float_32_execution_enabled()


def test_weights_that_overflow_stop_nobody():
    weights = {name: np.full(shape, 1e30, np.float32) for name, shape in variable_shapes().items()}
    check(lambda examples: np.full((len(examples), 128), np.inf, np.float32), weights)


@pytest.mark.slow
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

    def fails(weights, layer):
        raise RuntimeError("no such processor")

    monkeypatch.setattr(winograd, "WinogradNetwork", fails)
    with caplog.at_level(logging.WARNING), VGGish(v1_checkpoint) as network:
        embeddings = network.embed(reference.all_examples)
    assert caplog.messages == ["embedding.engine=graph is used, since winograd does not run here: no such processor"]
    assert np.abs(embeddings - reference.embeddings).max() < 1e-3 * reference.embeddings.std()
    with pytest.raises(RuntimeError, match="no such processor"):
        VGGish(v1_checkpoint, Engine.winograd)


def run_python(script, *options, closing="", **environment):
    """A process of its own, which has no TensorFlow yet and none of its variables but those given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closing}', "sh", sys.executable, *options, "-c", script],
        env=inherited | environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_tensorflow_says_nothing_on_the_screen_and_has_onednn_on(v1_checkpoint):
    script = f"""
import os
import sys
import numpy as np
from sarcasm.vggish import Engine, VGGish
assert "tensorflow" not in sys.modules
with VGGish({str(v1_checkpoint)!r}, Engine.graph) as network:
    network.embed(np.zeros((1, 96, 64)))
assert "tensorflow" in sys.modules
assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"
"""
    result = run_python(script, "-W", "error")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.slow
def test_tensorflow_loads_where_stderr_is_closed_and_keeps_what_the_user_has_set():
    script = """
import os
from sarcasm.tensorflow_runtime import load_tf_slim
print(load_tf_slim().__name__, os.environ["TF_ENABLE_ONEDNN_OPTS"])
"""
    result = run_python(script, closing="2>&-", TF_ENABLE_ONEDNN_OPTS="0")
    assert (result.returncode, result.stdout) == (0, "tf_slim 0\n")

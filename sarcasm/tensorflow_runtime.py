"""TensorFlow, imported once, with oneDNN on and its noise off the screen.

This is the only module that names TensorFlow and tf-slim; both are loaded when a run first needs them. oneDNN is chosen
by an environment variable that TensorFlow reads while it is imported, so it is set here; what the user has set stays.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sarcasm.processors import n_processors

if TYPE_CHECKING:
    import numpy as np

SETTINGS = {
    # 1.9 times as fast for head=big on a processor with AVX2, where TensorFlow 2.21 leaves it off by itself.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # 3 leaves out everything below FATAL: errors reach us as exceptions.
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""What TensorFlow is told by its environment variables, unless the user has set them."""
PATTERN = frozenset("*?[]\\")
"""What TensorFlow takes for part of a pattern in the name of a checkpoint."""


def load_tensorflow() -> ModuleType:
    """Import TensorFlow.

    Returns:
        The module `tensorflow`.
    """
    is_first = "tensorflow" not in sys.modules
    if is_first:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)
    with _quiet_import("tensorflow"):
        import tensorflow
    if is_first:
        # On by default on GPUs since Ampere; it keeps 10 bits of each factor, where float32 is what the values are.
        tensorflow.config.experimental.enable_tensor_float_32_execution(False)
        _share_processors(tensorflow.config.threading)
    return tensorflow


def _share_processors(threading: Any) -> None:
    """Keep to the processors that are this process's: TensorFlow takes all of the machine, whoever else computes there.

    Args:
        threading: tensorflow.config.threading; sessions take over what is set there.
    """
    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        threading.set_intra_op_parallelism_threads(n_processors())
    if "TF_NUM_INTEROP_THREADS" not in os.environ:
        threading.set_inter_op_parallelism_threads(n_processors())


def has_gpu() -> bool:
    """Whether TensorFlow computes on a GPU; it is not imported to find out that there is none."""
    is_there = any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()
    return is_there and bool(load_tensorflow().config.list_physical_devices("GPU"))


def load_tf_slim() -> ModuleType:
    """Import tf-slim, after TensorFlow.

    Returns:
        The module `tf_slim`.
    """
    load_tensorflow()
    with _quiet_import("tf_slim"):
        import tf_slim
    return tf_slim


@contextmanager
def _quiet_import(name: str) -> Iterator[None]:
    """Import a module of that name without a word on the screen, unless it fails.

    TensorFlow's C++ writes to file descriptor 2 before its log level counts, so that this is where it has to be caught.
    """
    if name in sys.modules:
        yield
        return
    try:
        stderr = os.dup(2)
    except OSError:  # closed, as a program may be started in the background: nothing to keep quiet
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as said, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(stderr, said.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


@contextmanager
def building_a_graph() -> Iterator[None]:
    """Keep quiet what Keras says of tf-slim's way of building layers, on which nothing of ours depends."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=r"`?(layer\.apply|tf\.layers|tf\.keras\.layers)", category=UserWarning
        )
        yield


def load_weights(session: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Give the variables of a session's graph these values, by name."""
    tf = load_tensorflow().compat.v1
    for variable in tf.global_variables():
        if variable.op.name in weights:
            # In place of what it would be drawn from; `variable.load` does the same, and warns of its end.
            drawn = variable.initializer.inputs[1]
            session.run(variable.initializer, {drawn: weights[variable.op.name]})


class CheckpointError(Exception):
    """What is wrong with a checkpoint of TensorFlow, as TensorFlow says it."""


class Checkpoint:
    """The variables of a checkpoint: what each is said to be, and its values once that is known to be right.

    Damage is noticed: TensorFlow compares a checksum (CRC-32C) of each block of a V1 file, and of the index and of each
    variable of a V2 checkpoint, with what it reads.

    Attributes:
        shapes: variable name -> shape.
        dtypes: variable name -> what numpy calls its type.
    """

    def __init__(self, path: str) -> None:
        with _checkpoint_errors():
            self._reader = load_tensorflow().compat.v1.train.NewCheckpointReader(path)
            self.shapes = {name: tuple(shape) for name, shape in self._reader.get_variable_to_shape_map().items()}
            self.dtypes = {name: dtype.name for name, dtype in self._reader.get_variable_to_dtype_map().items()}

    def read(self, name: str) -> np.ndarray:
        """The values of a variable; takes the memory that its shape says.

        Raises:
            CheckpointError: they are damaged or cut short.
        """
        with _checkpoint_errors():
            values: np.ndarray = self._reader.get_tensor(name)
        return values


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open a checkpoint.

    Args:
        path: one file in format V1, or the prefix of the files of format V2.

    Raises:
        CheckpointError: it is damaged, cut short or no checkpoint.
    """
    if not PATTERN & set(str(path)):
        yield Checkpoint(str(path))
        return
    # TensorFlow takes a name for a pattern, so that another name is needed for one that looks like it.
    with tempfile.TemporaryDirectory() as folder:
        for part in path.absolute().parent.iterdir():
            if part.name.startswith(path.name):
                Path(folder, f"checkpoint{part.name.removeprefix(path.name)}").symlink_to(part)
        yield Checkpoint(f"{folder}/checkpoint")


@contextmanager
def _checkpoint_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Its own errors, and what pybind11 makes of C++'s: an index that points anywhere, a size that no memory has.
        raise CheckpointError(" ".join(str(error).split())[:120] or type(error).__name__) from error


def parse_saved_model(content: bytes) -> Any:
    """Parse the graphs and signatures of a SavedModel, without running any of it.

    Returns:
        A protocol buffer SavedModel (tensorflow/core/protobuf/saved_model.proto).

    Raises:
        Exception: it is none; which one depends on the version of the library.
    """
    load_tensorflow()
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    return SavedModel.FromString(content)

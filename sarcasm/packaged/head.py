"""What `Model.save` wrote, read without TensorFlow's own loader.

That loader runs what a file tells it to run, and a graph may name operations that read and write files. Here only what
leads from `features` to `logits` is taken, only operations that compute, only variables of the shapes that the graph
says, and no tensor that does not fit into the memory.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from sarcasm.files import read_whole
from sarcasm.logits import N_LOGITS
from sarcasm.tensorflow_runtime import load_tensorflow, open_checkpoint, parse_saved_model

GRAPH, VARIABLES = "saved_model.pb", Path("variables", "variables")
"""In the folder: the graph, and the prefix of the checkpoint of its variables."""
SIGNATURE, FEATURES, LOGITS = "serving_default", "features", "logits"
MOST_BYTES = 2**30
"""Of the graph, which holds the support vectors of `head=svm`; a protocol buffer has no more than twice that."""
MOST_VALUES, MOST_ROW_VALUES = 2**28, 2**22
"""Of a tensor: 1 GiB, be it one of weights or of the 64 rows that are computed together. The largest of VGGish, which a
head may be trained with, have 5e7 and, for each row, 4e5.
"""
LONGEST_REASON = 200
"""Characters of what TensorFlow says; its errors quote whole graphs."""
OPERATIONS = frozenset(
    (
        # What a graph is made of.
        "Const", "Identity", "IdentityN", "NoOp", "Placeholder", "ReadVariableOp", "StopGradient", "VarHandleOp",
        # Shapes.
        "ConcatV2", "ExpandDims", "GatherV2", "Pack", "Reshape", "Shape", "Slice", "Split", "SplitV", "Squeeze",
        "StridedSlice", "Transpose", "Unpack",
        # Layers.
        "AvgPool", "BiasAdd", "Conv1D", "Conv2D", "DepthwiseConv2dNative", "Einsum", "FusedBatchNormV3", "MatMul",
        "BatchMatMulV2", "MaxPool",
        # Activations.
        "Elu", "LeakyRelu", "LogSoftmax", "Relu", "Relu6", "Selu", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh",
        # Arithmetic.
        "Abs", "Add", "AddN", "AddV2", "Cast", "Ceil", "ClipByValue", "Cos", "Div", "DivNoNan", "Erf", "Exp", "Expm1",
        "Floor", "Inv", "Log", "Log1p", "Maximum", "Minimum", "Mul", "Neg", "Pow", "RealDiv", "Reciprocal", "Round",
        "Rsqrt", "Select", "SelectV2", "Sign", "Sin", "Sqrt", "Square", "SquaredDifference", "Sub",
        # Comparisons and reductions.
        "All", "Any", "ArgMax", "ArgMin", "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd",
        "LogicalNot", "LogicalOr", "Max", "Mean", "Min", "NotEqual", "Prod", "Sum",
    )
)  # fmt: skip
"""That compute, and touch nothing but their inputs and outputs."""


class HeadError(Exception):
    """What is wrong with a saved head, worded to follow the folder's name."""


class Head:
    """A head, or the network and the head where both were trained; open until `close`.

    Args:
        folder: of the SavedModel.

    Attributes:
        row_shape: of a row of its features, such as (128,).

    Raises:
        HeadError: it is missing, damaged, or does more than compute two logits from features.
    """

    def __init__(self, folder: Path) -> None:
        try:
            definition, features, logits = _definition(read_whole(folder / GRAPH, MOST_BYTES))
            tf = load_tensorflow()
            with tf.Graph().as_default() as graph:
                self._features, self._logits = tf.import_graph_def(
                    definition, name="", return_elements=[features, logits]
                )
                _check(graph, self._features, self._logits)
                self._session = tf.compat.v1.Session(graph=graph)
                _load(self._session, graph, folder / VARIABLES)
        except HeadError:
            raise
        except Exception as error:
            # A protocol buffer, a table of variables and a graph may each be what is damaged.
            raise HeadError(f"is missing or damaged ({_one_line(error)})") from error
        self.row_shape = tuple(self._features.shape[1:])

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Features float32 [n, ...] -> logits float32 [n, 2].

        Raises:
            HeadError: they cannot be computed.
        """
        try:
            found: np.ndarray = self._session.run(self._logits, {self._features: X})
        except (load_tensorflow().errors.OpError, ValueError) as error:
            raise HeadError(f"cannot be computed ({_one_line(error)})") from error
        return found

    def close(self) -> None:
        """Give memory back."""
        self._session.close()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__


def _definition(content: bytes) -> tuple[Any, str, str]:
    """The part of the graph that leads from features to logits, and the names of these."""
    (meta,) = parse_saved_model(content).meta_graphs
    signature = meta.signature_def[SIGNATURE]
    features, logits = signature.inputs[FEATURES].name, signature.outputs[LOGITS].name
    definition = load_tensorflow().compat.v1.graph_util.extract_sub_graph(meta.graph_def, [logits.partition(":")[0]])
    definition.ClearField("library")
    for node in definition.node:
        if node.op not in OPERATIONS:
            raise HeadError(f"holds the operation {node.op}, and only such are run as compute logits from features")
        # Where it was computed in training says nothing of this machine.
        node.device = ""
        node.attr.pop("_class", None)
    return definition, features, logits


def _check(graph: Any, features: Any, logits: Any) -> None:
    """Refuse a graph before anything of it is computed or takes memory."""
    tf = load_tensorflow()
    placeholders = [operation for operation in graph.get_operations() if operation.type == "Placeholder"]
    if placeholders != [features.op] or features.shape.rank is None or None in features.shape.as_list()[1:]:
        raise HeadError("does not take rows of features")
    if (features.dtype, logits.dtype) != (tf.float32, tf.float32) or logits.shape.as_list() != [None, N_LOGITS]:
        raise HeadError(f"does not give {N_LOGITS} logits, but {logits.dtype.name} {logits.shape}")
    for operation in graph.get_operations():
        for tensor in operation.outputs:
            shape = _shape(operation) if operation.type == "VarHandleOp" else tensor.shape
            if shape.rank is None:
                raise HeadError(f"holds {operation.name}, whose shape cannot be known before it is computed")
            most = MOST_VALUES if shape.is_fully_defined() else MOST_ROW_VALUES
            if math.prod(size or 1 for size in shape.as_list()) > most:
                raise HeadError(f"holds a tensor of shape {shape}, larger than any head needs")


def _shape(variable: Any) -> Any:
    return load_tensorflow().TensorShape(variable.get_attr("shape"))


def _load(session: Any, graph: Any, checkpoint: Path) -> None:
    """Give its variables their values."""
    tf = load_tensorflow()
    variables = [operation for operation in graph.get_operations() if operation.type == "VarHandleOp"]
    if not variables:
        return
    with open_checkpoint(checkpoint) as opened:
        for variable in variables:
            name, dtype, shape = variable.name, variable.get_attr("dtype"), tuple(_shape(variable).as_list())
            if (opened.shapes.get(name), opened.dtypes.get(name)) != (shape, dtype.name):
                raise HeadError(f"holds no values of {name} in {checkpoint}")
            values = opened.read(name)
            if not np.isfinite(values).all():
                raise HeadError(f"holds a value of {name} that is not finite")
            given = tf.compat.v1.placeholder(dtype, shape)
            session.run(tf.raw_ops.AssignVariableOp(resource=variable.outputs[0], value=given), {given: values})

"""What operators compute, by the names that PyTorch, ONNX Runtime and OpenVINO give them."""

from collections.abc import Mapping, Sequence

from simx.results.schema.kernels import Kind

_NAMES: Mapping[Kind, str] = {
    "matrix products": "addmm baddbmm bmm fullyconnected fusedgemm fusedmatmul gemm linear matmul "
    "matmulinteger matmulintegertofloat mm qgemm",
    "attention": "attention multiheadattention scaleddotproductattention",
    "batch norms": "batchnorm batchnormalization",
    "layer norms": "layernorm layernormalization mvn skiplayernormalization",
    "activations": "biasgelu clamp clip gelu hardsigmoid hardswish hardtanh quickgelu relu relu6 "
    "sigmoid silu swish tanh",
    "softmax": "softmax",
    "pooling": "adaptiveavgpool2d averagepool avgpool2d globalaveragepool maxpool maxpool2d mean "
    "pooling reduce reducemean",
    "additions and products": "add div eltwise exp mul pow rsub sqrt sub",
    "data movement": "cat chunk clone concat contiguous copy expand flatten gather pad permute "
    "reshape roll select shape slice split squeeze stack tile transpose unbind unflatten unsqueeze",
    "layout changes": "reorder reorderinput reorderoutput",
    "casts": "cast convert to",
    "quantisation": "dequantizelinear dynamicquantizelinear fakequantize quantizelinear",
}
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}

_CONVOLUTIONS = frozenset({"conv", "conv2d", "convinteger", "convolution", "fusedconv"})


def kind_of(operator: str) -> Kind | None:
    """Return what an operator such as ``aten::relu_`` computes; None for a convolution."""
    return _KINDS.get(_plain(operator))


def is_convolution(operator: str) -> bool:
    """Whether an operator is a convolution, whose kind depends on its weights."""
    return _plain(operator) in _CONVOLUTIONS


def convolution_kind(weight: Sequence[int], groups: int) -> Kind:
    """Return the kind of a convolution of input channels in groups.

    ``weight`` are the dimensions of its weights, [M, C / groups, ...].
    """
    if groups > 1:
        return "depthwise convolutions" if weight[1] == 1 else "grouped convolutions"
    return "pointwise convolutions" if set(weight[2:]) == {1} else "convolutions"


def _plain(operator: str) -> str:
    name = operator.lower().removeprefix("aten::").replace("_", "")
    return name.removeprefix("qlinear").removeprefix("nhwc")

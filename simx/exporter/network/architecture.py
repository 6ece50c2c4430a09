"""Builds a backbone's architecture, classifier included, exactly as torchvision builds it.

Loads no weights and never passes ``weights=``, which would make torchvision download and unpickle
a checkpoint.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision.models import get_model

from simx.exporter.network import timm_networks
from simx.models.backbone import Backbone

_Function = Callable[..., Any]
_Arguments = Sequence[Any]
_Options = Mapping[str, Any] | None


def build(backbone: Backbone) -> nn.Module:
    """Build the network as torchvision's builder leaves it when called with this weights entry.

    Parameters are made on the current default device, ``meta`` included, with torchvision's random
    initialisation. The arguments that torchvision derives from the weights entry are passed: the
    image size of a vision transformer, and for GoogLeNet and Inception the re-normalisation of the
    input. GoogLeNet has no auxiliary classifiers, although its checkpoint holds them (``aux1.*``,
    ``aux2.*``); Inception keeps its own (``AuxLogits.*``), unused in evaluation.

    Args:
        backbone: the entry of the catalogue to build.

    Returns:
        The classifier in evaluation mode: float32 images [N, 3, crop, crop] to logits [N, 1000].
    """
    if backbone.source == "timm":
        return timm_networks.build(backbone)
    options: dict[str, Any] = {}
    match backbone.family:
        case "vit":
            options = {"image_size": backbone.preset.crop}
        case "googlenet":
            options = {"transform_input": True, "aux_logits": False, "init_weights": True}
        case "inception":
            options = {"transform_input": True, "init_weights": True}
    with _WidthsOnCpu() if backbone.family == "regnet" else nullcontext():
        model: nn.Module = get_model(backbone.model, weights=None, **options)
    return model.eval()


def build_empty(backbone: Backbone) -> nn.Module:
    """Build the same network without values, for weights that are loaded next.

    No random values are drawn: the time would count as PyTorch's where the first call is measured.
    torchvision's networks are on the meta device. timm's are not, because they compute tables that
    no state dict has.
    """
    with torch.device("cpu" if backbone.source == "timm" else "meta"), _NothingDrawn():
        return build(backbone)


_DRAWS = frozenset(
    {
        torch.Tensor.normal_,
        torch.Tensor.uniform_,
        nn.init.kaiming_normal_,
        nn.init.kaiming_uniform_,
        nn.init.normal_,
        nn.init.trunc_normal_,
        nn.init.uniform_,
        nn.init.xavier_uniform_,
    }
)
"""What torchvision's builders initialise parameters with; each returns the tensor it fills."""


class _NothingDrawn(TorchFunctionMode):
    """Leaves tensors as they are where random values would be drawn for them."""

    def __torch_function__(
        self, func: _Function, types: _Arguments, args: _Arguments = (), kwargs: _Options = None
    ) -> Any:  # noqa: ANN401 - whatever the intercepted function returns
        options = kwargs or {}
        if func in _DRAWS:
            return args[0] if args else options["tensor"]
        return func(*args, **options)


class _WidthsOnCpu(TorchFunctionMode):
    """Keeps RegNet's arithmetic on real numbers while its parameters go to the default device.

    RegNet derives its block widths from a ``torch.arange`` and a ``torch.tensor`` of a list and
    reads the values, which the meta device cannot. Neither makes a parameter or a buffer.
    """

    def __torch_function__(
        self, func: _Function, types: _Arguments, args: _Arguments = (), kwargs: _Options = None
    ) -> Any:  # noqa: ANN401 - whatever the intercepted function returns
        options = dict(kwargs or {})
        if func is torch.arange or (func is torch.tensor and isinstance(args[0], list)):
            options["device"] = "cpu"
        return func(*args, **options)

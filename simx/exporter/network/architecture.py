"""Builds a backbone's architecture, classifier and all, exactly as torchvision builds it.

Architecture only: no checkpoint is read here and ``weights=`` is never passed, because that would
make torchvision download and unpickle one. Weights are loaded elsewhere, into what this builds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision.models import get_model

from simx.models.backbone import Backbone


def build(backbone: Backbone) -> nn.Module:
    """Build the network as torchvision's builder leaves it when called with this weights entry.

    Parameters are made on the default device in force, ``meta`` included, with torchvision's own
    random initialisation. Arguments that torchvision derives from the weights entry are given:
    the image size of a vision transformer, and for GoogLeNet and Inception the re-normalisation of
    the input. GoogLeNet has no auxiliary classifiers, although its checkpoint holds them
    (``aux1.*``, ``aux2.*``); Inception keeps its own (``AuxLogits.*``), unused in evaluation.

    Args:
        backbone: The entry of the catalogue to build.

    Returns:
        The classifier in evaluation mode: float32 images [N, 3, crop, crop] to logits [N, 1000].
    """
    model = _construct(backbone)
    model.eval()
    return model


def build_empty(backbone: Backbone) -> nn.Module:
    """Build the same network on the meta device, for weights that are about to be loaded.

    Nothing is drawn for parameters that have no memory: that would only take time, and would be
    charged to PyTorch where the first call is measured.
    """
    with torch.device("meta"), _NothingDrawn():
        return build(backbone)


def _construct(backbone: Backbone) -> nn.Module:
    """Call torchvision's builder with what the weights entry would have made of its arguments."""
    name = backbone.model
    model: nn.Module
    match backbone.family:
        case "vit":
            model = get_model(name, weights=None, image_size=backbone.preset.crop)
        case "googlenet":
            model = get_model(
                name, weights=None, transform_input=True, aux_logits=False, init_weights=True
            )
        case "inception":
            model = get_model(name, weights=None, transform_input=True, init_weights=True)
        case "regnet":
            with _WidthsOnCpu():
                model = get_model(name, weights=None)
        case _:
            model = get_model(name, weights=None)
    return model


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
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the intercepted function returns
        """Run one torch function, or return the tensor that it would have filled."""
        options = dict(kwargs or {})
        if func in _DRAWS:
            return args[0] if args else options["tensor"]
        return func(*args, **options)


class _WidthsOnCpu(TorchFunctionMode):
    """Keeps RegNet's arithmetic on real numbers while its parameters go to the default device.

    RegNet derives its block widths from a ``torch.arange`` and a ``torch.tensor`` of a list and
    reads the values back, which the meta device cannot. Neither makes a parameter or a buffer.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the intercepted function returns
        """Run one torch function, on the CPU where it computes widths."""
        options = dict(kwargs or {})
        if func is torch.arange or (func is torch.tensor and isinstance(args[0], list)):
            options["device"] = "cpu"
        return func(*args, **options)

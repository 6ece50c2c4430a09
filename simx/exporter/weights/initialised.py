"""Random weights of useful scale: torchvision's initialisation, batch norm set to real pictures.

As initialised, networks with batch norm shrink their activations: pooled embeddings of
``efficientnet_b0`` reach 2e-13, where any numbers meet any absolute tolerance. After one pass over
pictures, which sets the running statistics, every one of these families reached 0.2 to 5. Networks
without batch norm stay as initialised and reached 0.1 (``alexnet``) to 4 (``squeezenet``, ``vit``).

As initialised, every residual branch is as strong as its input, and a chain of them multiplies
rounding errors: float32 differs from float64 by 1e-5 for ``resnet50`` and 1.3e-4 for ``resnet152``,
which is beyond any bound that would still detect a wrong graph. Training leaves the branches weak;
with their last batch norm's gain at 0.2 the differences are 5e-7 and 2e-6.

Inception has no residual branches. Each batch norm and ReLU, as initialised, cut off half of the
signal and centre the rest, and rounding errors grow by a fifth a layer (G. Yang and others, A Mean
Field Theory of Batch Normalization, 2019: a factor of pi / (pi - 1) in squares). After 48 layers
the float32 ``flat`` embedding of ``inception_v3`` differs from the float64 one by 1e-4; with a
shift of 1 in its batch norms, by 4e-6.
"""

import numpy as np
import torch
from torch import nn
from torchvision.models import Inception3
from torchvision.models.regnet import ResBottleneckBlock
from torchvision.models.resnet import BasicBlock, Bottleneck

from simx.exporter.network import architecture
from simx.images.decoding import decode
from simx.images.pictures import bundled
from simx.images.preprocessing import preprocess
from simx.models.backbone import Backbone, Preset

RESIDUAL_GAIN = 0.2
"""Of a residual branch's last batch norm; see above."""

CHAIN_SHIFT = 1.0
"""Of every batch norm in a deep chain without residual branches; see above."""


def random_state(backbone: Backbone, seed: int = 0) -> dict[str, torch.Tensor]:
    """Draw a backbone's weights and set its batch-norm statistics from the bundled pictures.

    The same seed gives the same bytes on one kind of processor with one release of torch: the
    statistics are sums of floats, whose rounding depends on both. torch's global generator is left
    as it was.

    Returns:
        The model's state dict, float32 and int64 tensors on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = architecture.build(backbone)
    weaken_residual_branches(model)
    open_chain(model)
    settle_batch_norm(model, _batch(backbone.preset))
    return {name: tensor.detach() for name, tensor in model.state_dict().items()}


def weaken_residual_branches(model: nn.Module) -> None:
    """Set the gain of the last batch norm of every residual branch, in ResNets and RegNets."""
    for module in model.modules():
        match module:
            case BasicBlock():
                last = module.bn2
            case Bottleneck():
                last = module.bn3
            case ResBottleneckBlock():
                last = module.f.c[1]
            case _:
                continue
        nn.init.constant_(last.weight, RESIDUAL_GAIN)


def open_chain(model: nn.Module) -> None:
    """Set the shift of every batch norm, in Inception only."""
    if isinstance(model, Inception3):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.bias, CHAIN_SHIFT)


def settle_batch_norm(model: nn.Module, images: torch.Tensor) -> None:
    """Set every batch norm's running statistics to those of one batch, in one forward pass.

    Only the batch norms are in training mode for the pass, so dropout and stochastic depth do
    nothing, and each layer gets the same input as later. The model ends up in evaluation mode.

    Args:
        model: a network; left alone if it has no batch norm.
        images: float32 [N, 3, H, W] with N at least 2, normalised as the network expects.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.train()
        norm.momentum = 1.0  # running statistics = (1 - momentum) * old + momentum * the batch's
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # how threads share a sum changes its last bits
    try:
        with torch.inference_mode():
            model(images)
    finally:
        torch.set_num_threads(threads)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()


def _batch(preset: Preset) -> torch.Tensor:
    """Return the bundled pictures as float32 [4, 3, crop, crop]."""
    inputs = [preprocess(decode(path), preset) for _, path in bundled().files()]
    return torch.from_numpy(np.concatenate(inputs))

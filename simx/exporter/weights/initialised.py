"""Random weights that are well conditioned on any picture: torchvision's draw, set to one scale.

As initialised, networks do not keep the scale of what they are given: pooled embeddings of
``efficientnet_b0`` reach 2e-13. Batch norms that are set to pictures keep it on these pictures
alone: each channel is divided by its own deviation, so whatever hardly varies on them is amplified
on others, layer after layer. And a layer that removes the mean of what a ReLU let through amplifies
rounding errors by a fifth (G. Yang and others, A Mean Field Theory of Batch Normalization, 2019: a
factor of pi / (pi - 1) in squares), which 60 layers make a factor of 1e5.

So three things differ here. The layers are set to inputs of every spatial frequency, from noise to
single colours. All channels of a layer are divided by the same deviation. And the output of a layer
has a mean above its deviation, where activations are nearly linear. A ReLU still cuts off a tenth,
so that a wrong activation shows, but rounding grows by 3 % a layer. No rule is for one architecture
alone. This is layer-sequential unit-variance initialisation (D. Mishkin and J. Matas, All You Need
is a Good Init, 2016) with a mean. ``benchmarks/conditioning.py`` measures the result.
"""

import torch
from torch import nn

from simx.exporter.network import architecture
from simx.models.backbone import Backbone

MEAN = 2.0
"""Mean of each channel of a layer's output."""

DEVIATION = 1.5
"""Standard deviation of a layer's output, one for all its channels. With it the kinks of ReLU6 and
hard swish, at 0, 3 and 6, all lie among the values."""

_EPSILON = 1e-5
"""Batch norm's own, added to a variance that may be nothing."""

_SIDE = 224
"""Pixels of each side of the inputs. All of torchvision's networks that are settled take it, and
MaxViT no other."""

_CLOSED = 0.01
"""Below it a factor of a residual branch hides what the branch computes."""

_CELLS = (1, 8, 28)
"""Fields of one colour along each side of the inputs; the last inputs are noise."""


def random_state(backbone: Backbone, seed: int = 0) -> dict[str, torch.Tensor]:
    """Draw a backbone's weights, and set its layers to one scale.

    The same seed gives the same bytes on one kind of processor with one release of torch: the scale
    comes from sums of floats, whose rounding depends on both. torch's global generator is left as
    it was.

    Returns:
        The model's state dict, float32 and int64 tensors on the CPU.
    """
    is_of_timm = backbone.source == "timm"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = architecture.build(backbone)
        # Some of timm's networks take pictures of their preset's size alone.
        images = inputs_of_every_frequency(backbone.preset.crop if is_of_timm else _SIDE)
        if is_of_timm:
            _open_branches(model)
    settle(model, images)
    return {name: tensor.detach() for name, tensor in model.state_dict().items()}


def inputs_of_every_frequency(side: int = _SIDE) -> torch.Tensor:
    """Draw squares of random colours, from one for the whole picture to one for each pixel.

    Returns:
        float32 [4, 3, side, side], from -2 to 2, the range of normalised pictures.
    """
    squares = [torch.rand(1, 3, cells, cells) for cells in (*_CELLS, side)]
    return torch.cat([nn.functional.interpolate(each, side) for each in squares]) * 4 - 2


def _open_branches(model: nn.Module) -> None:
    """Set to one what begins near zero and would hide an error in a residual branch."""
    for name, factors in model.named_parameters():
        leaf = name.rpartition(".")[2]
        if leaf.startswith(("gamma", "layer_scale", "scale")) and factors.abs().max() < _CLOSED:
            nn.init.ones_(factors)


def settle(model: nn.Module, images: torch.Tensor) -> None:
    """Set mean and scale of the output of each batch norm and each layer with a bias, in one pass.

    Each is set before the next one gets its output. Vision transformers, Swin and ConvNeXt stay as
    they are, because layer norms keep the scale of any input.

    Args:
        model: a network in evaluation mode.
        images: float32 [N, 3, H, W] with N at least 2, normalised as the network expects.
    """
    parts = list(model.modules())
    if any(isinstance(part, nn.LayerNorm) for part in parts) and not any(
        isinstance(part, nn.BatchNorm2d) for part in parts
    ):
        return
    hooks = [
        part.register_forward_pre_hook(_set_batch_norm)
        if isinstance(part, nn.BatchNorm2d)
        else part.register_forward_hook(_set_layer)
        for part in parts
        if isinstance(part, nn.BatchNorm2d | nn.Conv2d | nn.Linear)
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # how threads share a sum changes its last bits
    try:
        with torch.no_grad():
            model(images)
    finally:
        torch.set_num_threads(threads)
    for hook in hooks:
        hook.remove()


def _set_batch_norm(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
    mean, variance = _moments(inputs[0].movedim(1, -1))
    norm.running_mean = mean.expand(norm.num_features).clone()
    norm.running_var = variance.expand(norm.num_features).clone()
    nn.init.constant_(norm.weight, DEVIATION)
    nn.init.constant_(norm.bias, MEAN)


def _set_layer(
    layer: nn.Conv2d | nn.Linear, _: tuple[torch.Tensor], output: torch.Tensor
) -> torch.Tensor:
    if layer.bias is None:  # a batch norm comes next
        return output
    axis = 1 if isinstance(layer, nn.Conv2d) else -1
    values = output.movedim(axis, -1)
    mean, variance = _moments(values)
    scale = DEVIATION / (variance + _EPSILON).sqrt()
    layer.weight.mul_(scale)
    layer.bias.sub_(mean).mul_(scale).add_(MEAN)
    return ((values - mean) * scale + MEAN).movedim(-1, axis)


def _moments(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each channel's mean [C] over values [N, ..., C], and their variances' mean [].

    After a global pooling there is one value for each picture and channel. These are few and nearly
    alike, so dividing by their deviation would amplify their differences, rounding included.
    Therefore all channels count as one there, and the mean is of shape [1].
    """
    channels = values.flatten(0, -2)
    if len(channels) == len(values):
        channels = channels.reshape(-1, 1)
    return channels.mean(0), channels.var(0).mean()

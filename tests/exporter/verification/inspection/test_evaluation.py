"""Nodes of training are refused wherever they are, and nothing else is."""

import numpy as np
import pytest

from tests.exporter.verification.inspection.support import CONV, POOL, found, graph

STATISTICS = {name: np.ones(3, np.float32) for name in ("scale", "shift", "mean", "variance")}
READ = "(image, scale, shift, mean, variance)"


def normed(attributes: str, outputs: str = "normed") -> str:
    convolution = "map = Conv (normed, weight)"
    return f"{{ [norm] {outputs} = BatchNormalization {attributes} {READ} {convolution} {POOL} }}"


@pytest.mark.parametrize(
    ("attributes", "outputs"),
    [("<training_mode = 1>", "normed"), ("", "normed, mean_now, variance_now")],
)
def test_a_batch_norm_in_training_mode_is_refused(attributes: str, outputs: str) -> None:
    """By its attribute, or by the statistics that it hands out."""
    assert found(graph(normed(attributes, outputs), STATISTICS)) == [
        "BatchNormalization node norm is in training mode: it takes its statistics from the batch"
    ]


@pytest.mark.parametrize("attributes", ["", "<training_mode = 0>"])
def test_a_batch_norm_in_evaluation_mode_is_none(attributes: str) -> None:
    """It is a scale and a shift for each channel."""
    assert found(graph(normed(attributes), STATISTICS)) == []


@pytest.mark.parametrize("operator", ["Bernoulli", "RandomNormalLike", "RandomUniformLike"])
def test_what_draws_at_random_is_refused(operator: str) -> None:
    """The same picture would have another embedding each time."""
    model = graph(f"{{ [noise] noisy = {operator} (image) map = Conv (noisy, weight) {POOL} }}")

    assert found(model) == [f"{operator} node noise draws at random"]


@pytest.mark.parametrize("operator", ["RandomNormal", "RandomUniform"])
def test_what_draws_from_nothing_is_refused(operator: str) -> None:
    """So does what reads no picture."""
    noise = f"noise = {operator} <shape = [1, 5]> ()"
    model = graph(
        f"{{ {CONV} still = ReduceMean <keepdims = 0> (map, axes) {noise} "
        "embedding = Add (still, noise) }"
    )

    assert found(model) == [f"{operator} node noise draws at random"]


def test_a_draw_from_a_distribution_is_refused() -> None:
    """Multinomial has integers for a result."""
    still = f"{CONV} still = ReduceMean <keepdims = 0> (map, axes)"
    drawn = "drawn = Multinomial (still) number = Cast <to = 1> (drawn)"
    model = graph(f"{{ {still} {drawn} embedding = Add (still, number) }}")

    assert found(model) == ["Multinomial node drawn draws at random"]


def test_a_dropout_is_refused() -> None:
    """Torch's exporter leaves none in evaluation mode, so one that is left has a reason."""
    model = graph(f"{{ kept = Dropout (image) map = Conv (kept, weight) {POOL} }}")

    assert found(model) == ["Dropout node kept is left from training"]


def test_nested_nodes_are_seen() -> None:
    """A node of training in a branch is in the graph, too."""
    one = "one () => (float[batch, 3, 8, 8] a) { a = Dropout (image) }"
    other = "other () => (float[batch, 3, 8, 8] b) { b = Identity (image) }"
    choice = f"chosen = If (always) <then_branch = {one}, else_branch = {other}>"
    model = graph(f"{{ {choice} map = Conv (chosen, weight) {POOL} }}", {"always": np.bool_(1)})

    assert found(model) == ["Dropout node a is left from training"]

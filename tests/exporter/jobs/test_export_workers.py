"""How long an export may take: by the size of what is exported."""

from simx.exporter.jobs.export_workers import export_seconds
from simx.models.catalogue import load


def test_deadline_follows_the_size_between_half_an_hour_and_four() -> None:
    seconds = {each.model: export_seconds(each, "pooled") for each in load() if each.default}
    assert min(seconds.values()) >= 1800
    assert max(seconds.values()) == seconds["vit_h_14"] == 4 * 3600
    assert seconds["squeezenet1_1"] < seconds["resnet50"] < seconds["regnet_y_128gf"]


def test_smaller_embedding_takes_no_longer() -> None:
    vgg = next(each for each in load() if each.model == "vgg16" and each.default)
    assert export_seconds(vgg, "pooled") < export_seconds(vgg, "penultimate")

"""Which licences are said, and how."""

from simx.models.catalogue import licence_notes, load

SWAG = ("vit_b_16", "IMAGENET1K_SWAG_E2E_V1")


def test_permissive_and_unknown_licences_are_not_said() -> None:
    """Apache 2.0, BSD and MIT let anybody do anything; torchvision states none for most weights."""
    assert licence_notes([("timm:resnet50", "a1_in1k"), ("resnet50", "IMAGENET1K_V2")]) == ()


def test_weights_that_the_catalogue_lacks_are_not_said() -> None:
    """A report can have weights of another release."""
    assert licence_notes([("resnet9000", "v7")]) == ()


def test_non_commercial_licences_are_called_so() -> None:
    """SWAG's weights and timm's ConvNeXt V2 allow no commercial use."""
    notes = licence_notes([SWAG, ("timm:convnextv2_atto", "fcmae_ft_in1k")])

    assert notes == (
        (
            "licence of the pretrained weights of vit_b_16:IMAGENET1K_SWAG_E2E_V1: "
            "https://github.com/facebookresearch/SWAG/blob/main/LICENSE (no commercial use)"
        ),
        (
            "licence of the pretrained weights of timm:convnextv2_atto: cc-by-nc-4.0 "
            "(no commercial use)"
        ),
    )


def test_other_licences_are_to_be_read() -> None:
    """Simx does not interpret a licence of its own kind."""
    (note,) = licence_notes([("timm:fastvit_t8", "apple_in1k")])

    assert note.endswith("fastvit-license (read it before you use them)")


def test_many_names_are_counted() -> None:
    """A sentence names a few backbones and counts the others."""
    of_swag = [(each.model, each.weights) for each in load() if "SWAG" in each.weights]

    (note,) = licence_notes(of_swag)

    assert f"and {len(of_swag) - 4} more: https" in note

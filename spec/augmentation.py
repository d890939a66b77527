"""The augmentation of images."""

from typing import Annotated

from pydantic import Field

from .base import Count, Frozen


class Augmentation(Frozen):
    """Random changes of training images, new in every epoch: a crop, then a flip (torchvision's order).

    With one, images are standardised channel by channel, for a pixel no longer has a place of its own; the crop's zeros
    are then the channel's mean.
    """

    crop: Annotated[
        Count,
        Field(ge=0, le=64, description="Zeros added at each edge, in pixels; a part of the image's size is cut out."),
    ] = 0
    flip: Annotated[
        bool, Field(strict=True, description="Whether an image is mirrored, left to right, by the toss of a coin.")
    ] = False

    @property
    def acts(self) -> bool:
        """Whether it changes anything."""
        return self.crop > 0 or self.flip

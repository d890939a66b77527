"""The augmentation of images."""

from typing import Annotated

from pydantic import Field

from .base import Count, Frozen


class Augmentation(Frozen):
    """Random changes of training images, new in every epoch: a crop, then a flip (torchvision's order).

    Augmented images are standardised channel by channel, because pixels change their places. The zeros that a crop adds
    are then the channel's mean.
    """

    crop: Annotated[
        Count,
        Field(ge=0, le=64, description="Padding at each edge, in pixels; a part of the image's size is cut out."),
    ] = 0
    flip: Annotated[
        bool, Field(strict=True, description="Whether images are mirrored, left to right, with probability 1/2.")
    ] = False

    @property
    def acts(self) -> bool:
        """Whether images are changed at all."""
        return self.crop > 0 or self.flip

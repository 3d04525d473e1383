"""How frameworks turn a picture into a network's input, and what the caller says otherwise (docs/models.md)."""

from dataclasses import dataclass, replace
from typing import Literal

from headgate_pipelines.errors import PipelineError

Layout = Literal["nchw", "nhwc"]
Order = Literal["rgb", "bgr"]
Fit = Literal["crop", "stretch", "letterbox"]
Resample = Literal["cubic", "linear", "nearest"]


@dataclass(frozen=True)
class Preset:
    """The input is `(pixel * scale - mean) / std` of a pixel of 0 to 255."""

    layout: Layout = "nchw"
    order: Order = "rgb"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] = (224, 224)
    """Width and height, where the graph takes any."""
    fit: Fit = "crop"
    crop_fraction: float = 1.0
    border: int = 0
    resample: Resample = "linear"

    def constants(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation of each channel, in the order of the network's input; of grey, their average.

        Raises:
            PipelineError: there is one for another number of channels.
        """
        return self._of(channels, "--mean", self.mean), self._of(channels, "--std", self.std)

    @staticmethod
    def _of(channels: int, option: str, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(values) == channels:
            return values
        if channels == 1:
            return (sum(values) / len(values),)
        if len(values) == 1:
            return values * channels
        raise PipelineError(
            f"{option} has {len(values)} values, the input {channels} channels", "give one, or one for each"
        )


IMAGENET = Preset(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), crop_fraction=0.875)

PRESETS = {
    "torchvision": IMAGENET,
    "timm": replace(IMAGENET, resample="cubic"),
    "keras": Preset(layout="nhwc", scale=1 / 127.5, mean=(1.0,), fit="stretch"),
    "tensorflow": Preset(layout="nhwc", fit="stretch"),
    "paddle": IMAGENET,
    "custom": Preset(scale=1.0),
}


def chosen(name: str, **given: object) -> Preset:
    """The preset with what the caller says otherwise; None says nothing."""
    return replace(PRESETS[name], **{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]

"""Plain networks: images in, logits out, no code for training."""

from lit_modules.networks.unet import UNet

__all__ = ["UNet"]

"""Plain networks: images in, logits out, nothing of training."""

from lit_modules.networks.unet import UNet

__all__ = ["UNet"]

from lit_modules.segmentation import NetworkError, Segmentation

__all__ = ["NetworkError", "Segmentation"]

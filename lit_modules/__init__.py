from lit_modules.network_checks import NetworkError
from lit_modules.segmentation import Segmentation

__all__ = ["NetworkError", "Segmentation"]

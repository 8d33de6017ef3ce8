from datamodules.data_errors import DataError
from datamodules.paired_images import PairedImages

__all__ = ["DataError", "PairedImages"]

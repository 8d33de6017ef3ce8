"""Whether the transparency of the ground truth carries its shape, as in cut-out pictures."""

from collections.abc import Sequence

from datamodules.gt.decision import Choice, doubt
from datamodules.gt.stats import GtStats
from resume.system.output import text

TWO_VALUED = 0.9  # of the pixels are nearly clear or nearly solid; of a picture that is half transparent, none
MOSTLY = 0.9  # of the files have one colour, or so many that they are a photograph
HALF = 0.5  # fewer files with transparency were only saved otherwise than the rest


def carries_shape(stats: Sequence[GtStats]) -> bool:
    """Say whether alpha is the ground truth.

    Raises:
        DataError: Both the colours and the transparency may be.
    """
    with_alpha = [one for one in stats if one.alpha is not None]
    alphas = [one.alpha for one in stats if one.alpha is not None]
    if len(with_alpha) < HALF * len(stats) or not alphas:
        return False
    two_valued = sum(alpha.clear + alpha.solid for alpha in alphas) / len(alphas)
    has_clear, has_solid = any(alpha.clear for alpha in alphas), any(alpha.solid for alpha in alphas)
    if two_valued < TWO_VALUED or not has_clear or not (has_solid or len(alphas) < len(stats)):
        return False
    shapeless = sum(one.distinct == 1 or not one.counts for one in with_alpha)
    if shapeless >= MOSTLY * len(with_alpha):
        return True
    if all(one.alpha is None or one.alpha.separates or one.distinct == 1 for one in stats):
        return False  # the colours say the same, and perhaps more
    raise doubt(
        text("the colours and the transparency of the files have different shapes"),
        [
            Choice(text("2 classes, where what is not transparent is the foreground"), "--data.gt_reading alpha"),
            Choice(text("the colours are the classes"), "--data.gt_reading colours"),
        ],
    )

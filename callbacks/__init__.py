from callbacks.checkpoint_files import CheckpointFiles
from callbacks.checkpoint_io import AtomicCheckpointIO
from callbacks.ending import Ending
from callbacks.finite_weights import FiniteWeights, NotFiniteError
from callbacks.interrupt import Interrupt
from callbacks.past_scores import ForgetPastScores
from callbacks.progress import EpochBar
from callbacks.run_state import RunState
from callbacks.set_aside import SetAside
from callbacks.stops import SaveFailedError, TimeIsUp, TrainingInterrupted
from callbacks.time_budget import TimeBudget
from callbacks.time_plan import TimePlan
from callbacks.training_history import TrainingHistory

__all__ = [
    "AtomicCheckpointIO",
    "CheckpointFiles",
    "Ending",
    "EpochBar",
    "FiniteWeights",
    "ForgetPastScores",
    "Interrupt",
    "NotFiniteError",
    "RunState",
    "SaveFailedError",
    "SetAside",
    "TimeBudget",
    "TimeIsUp",
    "TimePlan",
    "TrainingHistory",
    "TrainingInterrupted",
]

from callbacks.checkpoint_files import CheckpointFiles
from callbacks.interrupt import Interrupt, SaveFailedError, TrainingInterrupted
from callbacks.progress import EpochBar
from callbacks.run_state import CheckpointError, RunState, load_for_resume, require_reader
from callbacks.saving import AtomicCheckpointIO
from callbacks.training_history import TrainingHistory

__all__ = [
    "AtomicCheckpointIO",
    "CheckpointError",
    "CheckpointFiles",
    "EpochBar",
    "Interrupt",
    "RunState",
    "SaveFailedError",
    "TrainingHistory",
    "TrainingInterrupted",
    "load_for_resume",
    "require_reader",
]

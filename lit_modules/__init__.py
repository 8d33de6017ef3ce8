from lit_modules.network_checks import NetworkError
from lit_modules.optimizer_checks import (
    check_changed_optimizer,
    check_optimizer,
    check_restored_optimizer,
    check_restored_schedule,
    expected_optimizer_state,
    schedule_length,
    states_after_a_step,
)
from lit_modules.segmentation import Segmentation

__all__ = [
    "NetworkError",
    "Segmentation",
    "check_changed_optimizer",
    "check_optimizer",
    "check_restored_optimizer",
    "check_restored_schedule",
    "expected_optimizer_state",
    "schedule_length",
    "states_after_a_step",
]

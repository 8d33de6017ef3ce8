from launch.processes import LostProcessError, Processes

__all__ = ["LostProcessError", "Processes"]

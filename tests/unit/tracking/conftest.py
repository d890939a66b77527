from ..arithmetic import as_a_trainer_process

__all__ = ["as_a_trainer_process"]

"""Errors of the pipeline's commands. Each has an exit code, which Airflow and DVC read."""


class PipelineError(Exception):
    """A command cannot do its work.

    Args:
        message: what is wrong, for the log and the alert.
        remedy: what the reader can do.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class Refused(PipelineError):
    """A rule says no: data fails its validation, a candidate is not better. Nothing changes downstream."""

    exit_code = 2


class Unavailable(PipelineError):
    """A service or the disk does not answer as it should; the same command may succeed later."""

    exit_code = 3


# Exit code for "nothing to do": the DAGs mark the task and those after it as skipped.
NOTHING_TO_DO = 99


class NothingToDo(PipelineError):
    """There is nothing yet that the command could work on."""

    exit_code = NOTHING_TO_DO

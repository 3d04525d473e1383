"""The one exception that setup shows to a person."""


class SetupError(Exception):
    """A step of setup cannot continue.

    message: what is wrong, one sentence. remedy: what the reader does next, one sentence.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

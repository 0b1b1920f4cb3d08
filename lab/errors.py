"""What ends a study with one line instead of a traceback."""


class LabError(Exception):
    """The study cannot go on: the message says what is wrong and what to do."""


class WrongUsage(LabError):
    """The command line is wrong."""

"""What the engine raises."""


class Error(RuntimeError):
    """Something you can act on: one line that names what is wrong and says what to do."""


class UsageError(Error, ValueError):
    """A function or a setting was used wrongly."""


Error.__module__ = UsageError.__module__ = "tessera_rec"

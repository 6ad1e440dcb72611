"""The one error of the stack."""


class StackError(Exception):
    """The stack cannot start or go on; the message is one sentence that says what to do."""

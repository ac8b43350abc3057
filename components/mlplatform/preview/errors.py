"""What ends a preview with a message instead of a report."""


class BadInput(Exception):  # noqa: N818 - says more than BadInputError
    """Something that the user gave is wrong: the text says where, what was given, what is allowed and how to fix it.

    The command prints it as one message and exits with 2.
    """


class ProgramDied(Exception):  # noqa: N818 - it says what happened
    """The program's process ended without a recorded graph; the command prints the text and exits with 1."""

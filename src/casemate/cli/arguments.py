"""The arguments of a verb: argparse with one-line errors, and help that is the same on every terminal and Python.

A verb is a module of this folder: its docstring is its help, `configure(parser)` declares its arguments, `run(args)`
does the work and gives the exit code, and EPILOG, where there is one, holds examples.
"""

from argparse import Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn, Protocol, cast

from casemate.cli.output import show
from casemate.cli.signals import raise_on_termination
from casemate.model.errors import UsageError

WIDTH = 100


class Verb(Protocol):
    """What a module of a verb offers."""

    def configure(self, parser: ArgumentParser) -> None:
        """Declare the arguments of this verb."""
        ...

    def run(self, args: Namespace) -> int:
        """Do it and give the exit code."""
        ...


class Formatter(RawDescriptionHelpFormatter):
    """Help of a fixed width: what the reference shows is what every terminal shows."""

    def __init__(self, prog: str) -> None:
        """Fix the width and the column where explanations begin."""
        super().__init__(prog, max_help_position=28, width=WIDTH)

    def _format_action_invocation(self, action: Action) -> str:
        """Write `-o, --output FILE` as Python 3.13 does; 3.11 would write the name of the value twice."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(action.option_strings)} {value}"


class Parser(ArgumentParser):
    """A parser whose errors are ours, and whose help does not depend on the version of Python.

    Parsers of sub-verbs, made with `add_subparsers().add_parser(name)`, are of this class too.
    """

    def __init__(
        self,
        prog: str | None = None,
        *,
        help: str | None = None,  # noqa: A002, ARG002 -- argparse's own name; it is shown by the parser above
        description: str | None = None,
        epilog: str | None = None,
    ) -> None:
        """Fix what must not differ. `description` and `epilog` are printed as they are written."""
        super().__init__(prog, description=description, epilog=epilog, formatter_class=Formatter, allow_abbrev=False)
        self.color = False  # Python 3.14 colours help by itself; what the reference shows has no colours

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with a hint instead of printing the usage and leaving."""
        raise UsageError(f"{message}{self._near(message)} ({self.prog} --help)")

    def _near(self, message: str) -> str:
        """Give the option that was probably meant."""
        known = [name for action in self._actions for name in action.option_strings]
        unknown = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
        near = get_close_matches(unknown[0], known, n=1) if "unrecognized" in message and unknown else []
        return f": did you mean {near[0]}?" if near else ""

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 -- the signature is argparse's
        """Print the help as every other output is printed: to a reader that may have gone away, or a full disk."""
        show(self.format_help())

    def format_usage(self) -> str:
        """Give the usage in one line."""
        return f"usage: {self._line()}\n"

    def format_help(self) -> str:
        """Give the whole help, beginning with the usage in one line."""
        before, self.usage = self.usage, self._line().replace("%", "%%")
        try:
            return super().format_help()
        finally:
            self.usage = before

    def _line(self) -> str:
        """Name the verb and its positional arguments."""
        names = [
            f"{action.metavar or action.dest}{'...' if action.nargs in ('+', '*') else ''}"
            for action in self._get_positional_actions()
        ]
        return " ".join([self.prog, "[options]", *names])


def run_verb(verb: str, argv: list[str]) -> int:
    """Load the module of a verb, parse its arguments and start it."""
    module = cast("Verb", import_module(f"casemate.cli.{verb}"))  # a test holds every module to the protocol
    raise_on_termination()
    return module.run(parser_of(verb, module).parse_args(argv))


def parser_of(verb: str, module: Verb) -> Parser:
    """Make the parser of a verb."""
    epilog: str | None = getattr(module, "EPILOG", None)
    parser = Parser(f"casemate {verb}", description=module.__doc__, epilog=epilog)
    module.configure(parser)
    return parser

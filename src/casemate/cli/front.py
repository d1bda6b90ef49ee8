"""What casemate says when no verb was named: its help, its version, or which verb was meant."""

from difflib import get_close_matches

from casemate.cli import VERBS, main
from casemate.cli.output import show
from casemate.cli.version import VERSION
from casemate.model.errors import UsageError

EXAMPLES = """\
examples:
  casemate audit .                          what is dangerous here?
  casemate explain sql-injection            what does that finding mean?
  casemate policy infer . -o casemate.toml  what does it need?
  casemate run --policy casemate.toml app.py
                                            let it do that, and nothing else
  casemate backends                         what can be enforced on this host?

No scanner and no sandbox is complete. casemate says what was looked at, what was found, what is enforced and what is
not. Exit codes: docs/reference/exit-codes.md.
"""


def front(argv: list[str]) -> int:
    """Answer `casemate`, `casemate --help` and `casemate --version`; raise UsageError for anything else."""
    match argv:
        case ["-h" | "--help"] | ["help"]:
            show(overview())
        case ["--version"]:
            show(f"casemate {VERSION}\n")
        case []:
            raise UsageError(f"what shall it do? One of: {', '.join(VERBS)} (casemate --help)")
        case ["help", verb] if verb in VERBS:
            return main([verb, "--help"])
        case [word, *_] if word.startswith("-"):
            raise UsageError(f"unknown option {word} before the verb (casemate --help)")
        case [word, *_]:
            near = get_close_matches(word, VERBS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(VERBS)}"
            raise UsageError(f"unknown verb {word}: {hint} (casemate --help)")
        case _:
            raise AssertionError(argv)
    return 0


def overview() -> str:
    """Give the help of the whole command."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:{width}}  {summary}" for verb, summary in VERBS.items())
    return (
        "usage: casemate VERB [options]\n\nDefence in depth for Python: audit a program, work out what it must be "
        f"allowed, confine it to that.\n\nverbs:\n{verbs}\n\noptions:\n"
        f"  -h, --help  show this help; casemate VERB --help shows the help of a verb\n"
        f"  --version   show the version\n\n{EXAMPLES}"
    )

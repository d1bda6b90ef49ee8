"""casemate: defence in depth for a Python program. Read it, judge it, allow what it needs, confine it to that.

    import casemate
    from pathlib import Path

    report = casemate.audit([Path("src")])                # findings, and what could not be analysed
    wish = casemate.infer(["app.py"], folder=".").policy  # what its code names
    result = casemate.run("app.py", policy=wish)          # that, and nothing else

The names in `__all__` are the public interface; nothing else is. They are loaded when they are first used.
"""

import sys

TYPE_CHECKING = False  # `typing` itself takes its time
if TYPE_CHECKING:
    from types import ModuleType

    from casemate.api import Result, Warm, run
    from casemate.audit import audit
    from casemate.model.capability import Capability
    from casemate.model.errors import CasemateError, InputError, PolicyError, Refused, Unenforceable, UsageError
    from casemate.model.finding import Confidence, Evidence, Finding, Severity, Skipped, Why
    from casemate.model.location import Flow, Location, Step
    from casemate.model.need import Need
    from casemate.model.policy import Grant, Limits, Missing, Policy, WriteMode
    from casemate.model.report import Counts, Report
    from casemate.model.scope import Scope, ScopeKind
    from casemate.model.secret import Secret
    from casemate.policy.infer import Inference, infer
    from casemate.readers.host.program import Code, Executable, Module, Script
    from casemate.services.command import Output
else:
    ModuleType = type(sys)  # `types` itself takes its time

__all__ = [
    "Capability",
    "CasemateError",
    "Code",
    "Confidence",
    "Counts",
    "Evidence",
    "Executable",
    "Finding",
    "Flow",
    "Grant",
    "Inference",
    "InputError",
    "Limits",
    "Location",
    "Missing",
    "Module",
    "Need",
    "Output",
    "Policy",
    "PolicyError",
    "Refused",
    "Report",
    "Result",
    "Scope",
    "ScopeKind",
    "Script",
    "Secret",
    "Severity",
    "Skipped",
    "Step",
    "Unenforceable",
    "UsageError",
    "Warm",
    "Why",
    "WriteMode",
    "audit",
    "infer",
    "run",
]

_HOMES = {
    "casemate.api": ("Result", "Warm", "run"),
    "casemate.audit": ("audit",),
    "casemate.model.capability": ("Capability",),
    "casemate.model.errors": (
        "CasemateError",
        "InputError",
        "PolicyError",
        "Refused",
        "Unenforceable",
        "UsageError",
    ),
    "casemate.model.finding": ("Confidence", "Evidence", "Finding", "Severity", "Skipped", "Why"),
    "casemate.model.location": ("Flow", "Location", "Step"),
    "casemate.model.need": ("Need",),
    "casemate.model.policy": ("Grant", "Limits", "Missing", "Policy", "WriteMode"),
    "casemate.model.report": ("Counts", "Report"),
    "casemate.model.scope": ("Scope", "ScopeKind"),
    "casemate.model.secret": ("Secret",),
    "casemate.policy.infer": ("Inference", "infer"),
    "casemate.readers.host.program": ("Code", "Executable", "Module", "Script"),
    "casemate.services.command": ("Output",),
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: `casemate run` starts every program and must load nothing else."""
    from importlib import import_module  # noqa: PLC0415 -- likewise

    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        message = f"module 'casemate' has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return __all__


class _Package(ModuleType):
    """A package whose modules do not hide its functions: `casemate.run` is one, whoever imported the module."""

    def __setattr__(self, name: str, value: object) -> None:
        """Take everything but a module under a public name, which the import system sets after loading it."""
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

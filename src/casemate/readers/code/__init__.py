"""Python source: parse, names, calls, flows and capabilities. The host's own parser is never used.

`Code` is what a rule sees; `capabilities.needs` is what policy inference sees.
"""

from casemate.readers.code.view import (
    UNKNOWN,
    Assignment,
    Call,
    Code,
    Constant,
    FlowHit,
    Import,
    Unknown,
    Value,
)

__all__ = ["UNKNOWN", "Assignment", "Call", "Code", "Constant", "FlowHit", "Import", "Unknown", "Value"]

"""`signal` as it is in C: the module around it makes a name of every number, and takes longer than all we do with it.

What it gives for a handler is a plain number or a function, so handlers are compared by `==`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

__all__ = ["signal"]

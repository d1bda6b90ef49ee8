"""Ctrl-C: the first one is dealt with, the second one ends us at once and in silence."""

import signal
import subprocess
import sys

TWICE = """
import os, signal
from casemate.cli.signals import raise_on_interrupt
signal.signal(signal.SIGINT, signal.SIG_DFL)
raise_on_interrupt()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("first", flush=True)
    os.kill(os.getpid(), signal.SIGINT)
print("never")
"""


def test_a_second_interrupt_while_the_first_is_dealt_with_ends_us_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert (done.stdout, done.stderr) == ("first\n", "")

"""What the installed runtime is made of, by name, and the program of ours that starts it."""
# ruff: noqa: PTH100, PTH120 -- a path stays the string that was written

import os

LIBRARY, SOURCE, COMPILED, PYTHON = "libwasmtime.so", "python.wasm", "python.cwasm", "lib"
HERE = os.path.dirname(os.path.abspath(__file__))
DRIVER = f"{HERE}/driver.py"
EXECUTABLE = ("-I", "-S", "-X", "utf8", DRIVER)  # arguments of casemate's own interpreter

"""Make what the tests of confinement share importable by name: tests are found by path."""

import importlib.util
import sys
from pathlib import Path

for name in ("confining", "bpf", "lacking"):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)

from confining import secret  # noqa: E402 -- a fixture, loaded above

__all__ = ["secret"]

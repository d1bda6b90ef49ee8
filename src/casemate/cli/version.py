"""The version, said once for the command line and the reports; a test compares it with pyproject.toml."""

VERSION = "0.1.0"

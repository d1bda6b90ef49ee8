"""Untrusted bytes become facts. Nothing here executes what it reads, and nothing connects."""

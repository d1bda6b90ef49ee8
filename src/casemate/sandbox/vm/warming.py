"""What a Python does in the guest while a run waits for its arguments, so that QEMU has translated it before.

It is the interpreter of the run and its own library: no `.pth`, no `sitecustomize`, no file of the program, and none of
its arguments or variables. What it does is what a Python does at its start, and when something goes wrong there.
"""

CODE = """
import dataclasses, io, json, os, runpy, site, traceback
site.abs_paths(); site.removeduppaths(); site.setquit(); site.setcopyright(); site.sethelper(); site.addsitedir('/tmp')
for text in ('import no_such_module', 'raise SystemExit', 'x = [str(n) for n in range(3)]', 'def f(*a, **k): yield a'):
    try:
        exec(compile(text, 'text', 'exec'), {})
    except BaseException as error:
        traceback.format_exception(error)
with open(os.__file__, encoding='utf-8') as file:
    sorted(file.readline().encode().decode('utf-8', 'surrogateescape').split())
"""
WORDS = ("-I", "-S", "-B", "-c", CODE)

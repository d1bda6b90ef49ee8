"""Starts the guest: CPython for WASI in wasmtime. It runs inside the native backend, in a process of its own.

`driver.py JOB...` with the job as JSON, in as many words as it takes. It stands alone: the interpreter that runs it is
started with -I -S, sees this one file of casemate, and loads only what a guest needs. The program's exit code is its
own; 125 before the guest starts, with one line on standard error; 134 where WebAssembly stopped the guest (a trap).

Nothing here is called from the guest: what it may do is what wasmtime's WASI (preview 1) does for it, on the folders
that are opened here. wasmtime's C API: https://docs.wasmtime.dev/c-api/
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from ctypes import byref, c_bool, c_char_p, c_int32, c_int64, c_size_t, c_uint64, c_void_p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn, TypedDict

    class Folder(TypedDict):
        """A folder that the guest sees: where it is here, how it is called there, and whether it may be changed."""

        host: str
        guest: str
        write: bool

    class Job(TypedDict):
        """What is started. `memory` is the most bytes of the guest's memory, or 0.

        Variables of this process that begin with `before` are the guest's, without that.
        """

        library: str
        module: str
        argv: list[str]
        before: str
        settings: dict[str, str]
        folders: list[Folder]
        memory: int


REFUSED, TRAPPED = 125, 134
STACK = (
    2 << 20
)  # bytes of the host's stack for the guest's calls: the most that wasmtime takes; a main thread has 8 MiB
MOST_TABLES, ONE = 1 << 20, 1  # entries of the guest's table of functions; memories and instances


class Function(ctypes.Structure):
    """wasmtime_func_t."""

    _fields_ = (("store", c_uint64), ("private", c_void_p))


class Of(ctypes.Union):
    """The part of wasmtime_extern_t that depends on its kind; the largest one is 24 bytes long."""

    _fields_ = (("function", Function), ("room", c_uint64 * 4))


class Extern(ctypes.Structure):
    """wasmtime_extern_t."""

    _fields_ = (("kind", ctypes.c_uint8), ("of", Of))


class Instance(ctypes.Structure):
    """wasmtime_instance_t."""

    _fields_ = (("store", c_uint64), ("private", c_size_t))


class Bytes(ctypes.Structure):
    """wasm_byte_vec_t, and every other vector of the library."""

    _fields_ = (("size", c_size_t), ("data", c_void_p))


Leaving = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, ctypes.POINTER(c_int32), c_size_t)  # unchecked callback

SIGNATURES = {  # name: (result, arguments); a pointer is c_void_p
    "wasm_config_new": (c_void_p, ()),
    "wasmtime_config_max_wasm_stack_set": (None, (c_void_p, c_size_t)),
    "wasm_engine_new_with_config": (c_void_p, (c_void_p,)),
    "wasmtime_module_new": (c_void_p, (c_void_p, c_char_p, c_size_t, c_void_p)),
    "wasmtime_module_serialize": (c_void_p, (c_void_p, c_void_p)),
    "wasmtime_module_deserialize_file": (c_void_p, (c_void_p, c_char_p, c_void_p)),
    "wasmtime_linker_new": (c_void_p, (c_void_p,)),
    "wasmtime_linker_define_wasi": (c_void_p, (c_void_p,)),
    "wasmtime_linker_allow_shadowing": (None, (c_void_p, c_bool)),
    "wasmtime_linker_define_func_unchecked": (
        c_void_p,
        (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, c_void_p, Leaving, c_void_p, c_void_p),
    ),
    "wasm_valtype_new": (c_void_p, (ctypes.c_uint8,)),
    "wasm_valtype_vec_new": (None, (c_void_p, c_size_t, c_void_p)),
    "wasm_valtype_vec_new_empty": (None, (c_void_p,)),
    "wasm_functype_new": (c_void_p, (c_void_p, c_void_p)),
    "wasmtime_linker_instantiate": (c_void_p, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "wasmtime_store_new": (c_void_p, (c_void_p, c_void_p, c_void_p)),
    "wasmtime_store_context": (c_void_p, (c_void_p,)),
    "wasmtime_store_limiter": (None, (c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)),
    "wasmtime_context_set_wasi": (c_void_p, (c_void_p, c_void_p)),
    "wasmtime_instance_export_get": (c_bool, (c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)),
    "wasmtime_func_call": (c_void_p, (c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p)),
    "wasmtime_error_message": (None, (c_void_p, c_void_p)),
    "wasm_trap_message": (None, (c_void_p, c_void_p)),
    "wasi_config_new": (c_void_p, ()),
    "wasi_config_set_argv": (c_bool, (c_void_p, c_size_t, c_void_p)),
    "wasi_config_set_env": (c_bool, (c_void_p, c_size_t, c_void_p, c_void_p)),
    "wasi_config_inherit_stdin": (None, (c_void_p,)),
    "wasi_config_inherit_stdout": (None, (c_void_p,)),
    "wasi_config_inherit_stderr": (None, (c_void_p,)),
    "wasi_config_preopen_dir": (c_bool, (c_void_p, c_char_p, c_char_p, c_bool)),
}


class Wasmtime:
    """The functions of wasmtime's library that are used here."""

    def __init__(self, path: str) -> None:
        """Load the library and name what each function takes. Ends the process where that is not it."""
        try:
            self.library = ctypes.CDLL(path)
            for name, (result, arguments) in SIGNATURES.items():
                function = getattr(self.library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as error:
            refuse(f"the library of wasmtime cannot be loaded: {error}")

    def call(self, name: str, *arguments: object) -> int:
        """Call a function and give what it returns: a pointer, or 0."""
        return getattr(self.library, name)(*arguments) or 0

    def do(self, name: str, *arguments: object) -> None:
        """Call a function that returns an error. Ends the process where it does."""
        if error := self.call(name, *arguments):
            refuse(f"{name.removeprefix('wasmtime_')}: {self.message('wasmtime_error_message', error)}")

    def message(self, name: str, pointer: int) -> str:
        """Give the text of an error or a trap, as one line."""
        text = Bytes()
        self.call(name, pointer, byref(text))
        words = ctypes.string_at(text.data, text.size).decode(errors="replace") if text.data else ""
        return " ".join(words.replace("\0", " ").split())

    def engine(self) -> int:
        """Make an engine. What is compiled by one is loaded by another one with the same settings only."""
        config = self.call("wasm_config_new")
        self.call("wasmtime_config_max_wasm_stack_set", config, STACK)
        return self.call("wasm_engine_new_with_config", config)


def address(pointer: c_void_p) -> int:
    """Give what a pointer holds; 0 for NULL."""
    return pointer.value or 0


def refuse(reason: str) -> NoReturn:
    """Say why nothing was started, and end."""
    say(reason)
    os._exit(REFUSED)


def say(text: str) -> None:
    """Write one line on standard error; that nobody listens is no error."""
    try:
        os.write(2, f"casemate: wasm: {text}\n".encode(errors="backslashreplace"))
    except OSError:
        return


def compile_module(library: str, module: str) -> bytes:
    """Compile WebAssembly to what this machine executes; give it as `run` loads it."""
    wasmtime = Wasmtime(library)
    with open(module, "rb") as file:  # noqa: PTH123 -- pathlib takes its time
        source = file.read()
    compiled, result = c_void_p(), Bytes()
    wasmtime.do("wasmtime_module_new", wasmtime.engine(), source, len(source), byref(compiled))
    wasmtime.do("wasmtime_module_serialize", compiled, byref(result))
    return ctypes.string_at(result.data, result.size)


def run(job: Job) -> NoReturn:
    """Start the guest and end with its exit code."""
    wasmtime = Wasmtime(job["library"])
    engine, module = wasmtime.engine(), c_void_p()
    wasmtime.do("wasmtime_module_deserialize_file", engine, os.fsencode(job["module"]), byref(module))
    linker = wasmtime.call("wasmtime_linker_new", engine)
    wasmtime.do("wasmtime_linker_define_wasi", linker)
    leave_by(wasmtime, linker)
    store = wasmtime.call("wasmtime_store_new", engine, None, None)
    context = wasmtime.call("wasmtime_store_context", store)
    wasmtime.call("wasmtime_store_limiter", store, job["memory"] or -1, MOST_TABLES, ONE, ONE, ONE)
    wasmtime.do("wasmtime_context_set_wasi", context, world(wasmtime, job))
    instance, trap = Instance(), c_void_p()
    wasmtime.do("wasmtime_linker_instantiate", linker, context, module, byref(instance), byref(trap))
    start = Extern()
    if address(trap) or not wasmtime.call(
        "wasmtime_instance_export_get", context, byref(instance), b"_start", 6, byref(start)
    ):
        refuse("the module of Python cannot be started")
    error = wasmtime.call("wasmtime_func_call", context, byref(start.of.function), None, 0, None, 0, byref(trap))
    os._exit(ended(wasmtime, error, address(trap)))


def leave(_data: int, _caller: int, values: Sequence[int], _count: int) -> int:
    """End the process with the guest's exit code, as exit(3) would."""
    os._exit(values[0] & 0xFF)


leaving = Leaving(leave)


def leave_by(wasmtime: Wasmtime, linker: int) -> None:
    """Let the guest end with any exit code: wasmtime's own proc_exit stops a guest that ends with more than 125."""
    number = (c_void_p * 1)(wasmtime.call("wasm_valtype_new", 0))  # WASM_I32
    takes, gives = Bytes(), Bytes()  # the library's own: what it frees, it has made
    wasmtime.call("wasm_valtype_vec_new", byref(takes), 1, number)
    wasmtime.call("wasm_valtype_vec_new_empty", byref(gives))
    kind = wasmtime.call("wasm_functype_new", byref(takes), byref(gives))
    module, name = b"wasi_snapshot_preview1", b"proc_exit"
    wasmtime.call("wasmtime_linker_allow_shadowing", linker, True)  # noqa: FBT003 -- the library's own argument
    wasmtime.do(
        "wasmtime_linker_define_func_unchecked",
        *(linker, module, len(module), name, len(name), kind, leaving, None, None),
    )


def ended(wasmtime: Wasmtime, error: int, trap: int) -> int:
    """Give the exit code of a guest whose start has returned, and say why where WebAssembly ended it."""
    if error or trap:
        name = "wasmtime_error_message" if error else "wasm_trap_message"
        text = wasmtime.message(name, error or trap)
        say(f"the program was stopped: {text.rpartition('Caused by: ')[2]}")
        return TRAPPED
    return 0


def world(wasmtime: Wasmtime, job: Job) -> int:
    """Make what the guest sees: arguments, variables, streams, folders; nothing else of this process."""
    config = wasmtime.call("wasi_config_new")
    argv = strings(job["argv"])
    mine, before = os.environ.items(), job["before"]
    variables = {name.removeprefix(before): value for name, value in mine if name.startswith(before)} | job["settings"]
    names, values = strings(list(variables)), strings(list(variables.values()))
    if not wasmtime.call("wasi_config_set_argv", config, len(argv), argv):
        refuse("an argument is not UTF-8")
    if not wasmtime.call("wasi_config_set_env", config, len(names), names, values):
        refuse("a variable is not UTF-8")
    for stream in ("stdin", "stdout", "stderr"):
        wasmtime.call(f"wasi_config_inherit_{stream}", config)
    for folder in job["folders"]:
        host, guest = os.fsencode(folder["host"]), os.fsencode(folder["guest"])
        if not wasmtime.call("wasi_config_preopen_dir", config, host, guest, folder["write"]):
            refuse(f"{folder['host']} cannot be opened for the program")
    return config


def strings(words: list[str]) -> ctypes.Array[c_char_p]:
    """Make an array of C strings."""
    return (c_char_p * len(words))(*map(os.fsencode, words))


def main() -> NoReturn:
    """Read the job and do it."""
    job = json.loads("".join(sys.argv[1:]))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would note it and wait for the guest to return
    if "compiled" in job:
        with open(job["compiled"], "wb") as file:  # noqa: PTH123 -- likewise
            file.write(compile_module(job["library"], job["module"]))
        os._exit(0)
    run(job)


if __name__ == "__main__":
    main()

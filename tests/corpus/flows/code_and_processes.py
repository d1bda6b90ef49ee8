"""Code that is compiled first, consoles, and processes of an event loop."""

import _testcapi
import _xxsubinterpreters
import asyncio
import code
import os

from flask import Flask, request
from test import support

app = Flask(__name__)


@app.route("/code")
def run_code():
    text = request.args["text"]
    program = compile(text, "<text>", "exec")
    exec(program)  # flag code-injection
    eval(compile("1 + 1", "<text>", "eval"))
    console = code.InteractiveConsole()
    console.push(text)  # flag code-injection
    console.runsource(text)  # flag code-injection
    console.push("1 + 1")
    return ""


@app.route("/processes")
def run_processes():
    name = request.args["name"]
    loop = asyncio.new_event_loop()
    loop.run_until_complete(loop.subprocess_shell(asyncio.SubprocessProtocol, "ls " + name))  # flag command-injection
    loop.run_until_complete(loop.subprocess_exec(asyncio.SubprocessProtocol, name, "-a"))  # flag command-injection
    loop.run_until_complete(loop.subprocess_exec(asyncio.SubprocessProtocol, "sh", "-c", name))  # flag command-injection
    loop.run_until_complete(loop.subprocess_exec(asyncio.SubprocessProtocol, "echo", name))
    os.spawnlp(os.P_WAIT, name, name)  # flag command-injection
    os.spawnl(os.P_WAIT, "/bin/sh", "sh", "-c", name)  # flag command-injection
    os.spawnl(os.P_WAIT, "/bin/echo", "echo", name)
    return ""


@app.route("/interpreters")
def run_interpreters():
    text = request.args["text"]
    _xxsubinterpreters.run_string(_xxsubinterpreters.create(), text)  # flag code-injection
    _testcapi.run_in_subinterp("name = " + text)  # flag code-injection
    support.run_in_subinterp(text)  # flag code-injection
    support.run_in_subinterp("print(1)")
    return ""

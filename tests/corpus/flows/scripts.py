"""Shells that are started by name: the word after `-c` is run as it would be by os.system."""

import asyncio
import shlex
import subprocess

from flask import Flask, request

app = Flask(__name__)


@app.get("/shell")
def shell():
    name = request.args["name"]
    subprocess.run(["bash", "-c", "ls " + name])  # flag command-injection
    subprocess.run(["/bin/sh", "-ec", f"ls {name}"], check=True)  # flag command-injection
    subprocess.run(["sudo", "-u", "www", "bash", "-lc", "ls " + name])  # flag command-injection
    subprocess.run(["python3", "-c", f"print({name})"])  # flag code-injection
    subprocess.run(["bash", "-c", "ls " + shlex.quote(name)])
    subprocess.run(["bash", "-c", 'ls "$1"', "_", name])
    subprocess.run(["bash", "script.sh", name])
    subprocess.run(["python3", "-m", "http.server", name])
    subprocess.run(["grep", "-c", name, "notes.txt"])
    command = ["sh", "-c"]
    command.append(name)
    subprocess.run(command)  # flag command-injection
    return ""


@app.get("/later")
async def later():
    name = request.args["name"]
    await asyncio.create_subprocess_exec("sh", "-c", name)  # flag command-injection
    await asyncio.create_subprocess_exec("sh", "-c", "ls", name)
    words = ["git", "fetch"]
    words.append(name)
    await asyncio.create_subprocess_exec(*words)  # flag argument-injection
    await asyncio.create_subprocess_exec("git", "log", *load_options(), "--", name)
    subprocess.run(["git", "log", *load_options(), "--", name])
    subprocess.run(["git", "log", *load_options(), name])  # flag argument-injection
    return ""


@app.get("/open")
def left_open():
    name = request.args["name"]
    command = ["git", "log"]
    command += load_options()
    command.append(name)
    subprocess.run(command)  # flag argument-injection
    command = ["git", "log", "--author", name]
    command.extend(load_options())
    subprocess.run(command)
    command = ["ls"]
    command.extend(load_options())
    command.append(name)
    subprocess.run(command)
    subprocess.run(["git", "commit", "-m", name, load_options()[0]])
    return ""

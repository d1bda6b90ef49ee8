"""Programs that are started without a shell: which word of the list somebody else wrote."""

import asyncio
import os
import pty
import shlex
import subprocess

from flask import Flask, request

app = Flask(__name__)


@app.get("/options")
def options():
    name = request.args["name"]
    subprocess.run(["git", "clone", name])  # flag argument-injection
    subprocess.run(("/usr/bin/git", "fetch", "origin", name), check=True)  # flag argument-injection
    subprocess.check_output(["sudo", "-u", "www", "tar", "-xf", "a.tar", name])  # flag argument-injection
    subprocess.Popen(["curl", "-s", name]).communicate()  # flag argument-injection
    subprocess.call(["ssh", "-o", name, "host"])  # flag argument-injection
    subprocess.check_call(["find", "-" + name])  # flag argument-injection
    command = ["rsync", "-a"]
    command.append(name)
    subprocess.run(command)  # flag argument-injection
    os.execvp("ssh", ["ssh", name])  # flag argument-injection
    os.execlp("ssh", "ssh", name)  # flag argument-injection
    os.spawnvp(os.P_WAIT, "vim", ["vim", name])  # flag argument-injection
    pty.spawn(["psql", name])  # flag argument-injection
    return ""


@app.get("/words")
def words():
    name = request.args["name"]
    subprocess.run(["git", "clone", "--", name])
    subprocess.run(["git", "commit", "-m", name])
    subprocess.run(["git", "clone", f"https://example.com/{name}"])
    subprocess.run(["git", "log", f"--author={name}"])
    subprocess.run(["git", "show", str(int(name))])
    subprocess.run(["ffmpeg", "-i", name, "out.mp4"])
    subprocess.run(["tar", "-xf", name])
    subprocess.run(["curl", "-s", "--", name])
    subprocess.run(["ls", name])
    subprocess.run(["ping", "-c", "1", name])
    subprocess.run(["grep", "-e", name, "notes.txt"])
    if name in ("main", "next"):
        subprocess.run(["git", "checkout", name])
    return ""


@app.get("/later")
async def later():
    name = request.args["name"]
    await asyncio.create_subprocess_exec("git", "fetch", name)  # flag argument-injection
    await asyncio.create_subprocess_exec("git", "fetch", "--", name)
    await asyncio.create_subprocess_exec("git", "commit", "-m", name)
    await asyncio.create_subprocess_exec(name, "fetch")  # flag command-injection
    await asyncio.create_subprocess_shell("git fetch " + name)  # flag command-injection
    await asyncio.create_subprocess_shell("git fetch " + shlex.quote(name))
    await asyncio.subprocess.create_subprocess_shell("git fetch " + name)  # flag command-injection
    return ""


@app.get("/split")
def split():
    line = request.args["line"]
    subprocess.run(shlex.split(line))  # flag command-injection
    subprocess.run(shlex.join(["ls", line]), shell=True)
    os.posix_spawn(line, [line], os.environ)  # flag command-injection
    os.spawnlp(os.P_WAIT, line, line)  # flag command-injection
    os.popen("sort " + line)  # flag command-injection
    subprocess.getoutput(f"sort {line}")  # flag command-injection
    return ""


@app.get("/copied")
def copied():
    words = ["git", "log", "--author=" + request.args["name"]]
    subprocess.run([word for word in words])
    subprocess.run([word for word in [request.args["name"], "log"]])  # flag command-injection
    return ""

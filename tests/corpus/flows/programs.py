"""Programs that are started without a shell: which word of the list somebody else wrote."""

import asyncio
import os
import pty
import shlex
import subprocess
import sys

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


@app.get("/shells")
def shells():
    line = request.args["line"]
    os.execl("/bin/sh", "sh", "-c", line)  # flag command-injection
    os.execv("/bin/bash", ["bash", "-lc", "ls " + line])  # flag command-injection
    os.spawnl(os.P_WAIT, "/bin/bash", "-c", line)  # flag command-injection
    os.spawnve(os.P_WAIT, "/bin/sh", ["-c", f"ls {line}"], os.environ)  # flag command-injection
    os.posix_spawn("/bin/sh", ["sh", "-c", line], os.environ)  # flag command-injection
    os.execl("/bin/sh", "sh", "-c", 'ls "$1"', "sh", line)
    os.spawnl(os.P_WAIT, "/bin/echo", "echo", "-c", line)
    os.spawnve(os.P_WAIT, "/bin/sh", ["sh", "-c", "ls"], os.environ)
    return ""


@app.get("/scripts")
def scripts():
    name = request.args["name"]
    subprocess.run(["python3", name])  # flag command-injection
    subprocess.run([sys.executable, "-u", f"jobs/{name}"])  # flag command-injection
    subprocess.run(["/bin/sh", "-e", "jobs/" + name, "now"])  # flag command-injection
    os.execl("/usr/bin/perl", "perl", name)  # flag command-injection
    subprocess.run(["python3", os.path.join("jobs", os.path.basename(name))])
    subprocess.run(["python3", "job.py", name])
    subprocess.run([sys.executable, "-m", "job", name])
    subprocess.run(["bash", "-s", name], input=b"date")
    subprocess.run(["python3", "-", name], input=b"print(1)")
    subprocess.run(["cat", name])
    return ""


@app.post("/lists")
async def lists():
    words = request.get_json()["words"]
    subprocess.run([*words])  # flag command-injection
    subprocess.run(["ls", *words])
    subprocess.run(["git", *words])  # flag argument-injection
    await asyncio.get_running_loop().subprocess_exec(asyncio.SubprocessProtocol, *words)  # flag command-injection
    await asyncio.get_running_loop().subprocess_exec(asyncio.SubprocessProtocol, "ls", *words)
    return ""


def started():
    by = sys.argv[1]
    os.execl("/bin/sh", "sh", "-c", "ls " + by)  # flag command-injection
    os.execl(by, by)
    subprocess.run(["python3", by])


@app.get("/copied")
def copied():
    words = ["git", "log", "--author=" + request.args["name"]]
    subprocess.run([word for word in words])
    subprocess.run([word for word in [request.args["name"], "log"]])  # flag command-injection
    return ""

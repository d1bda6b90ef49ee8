"""Commands on other machines, and the keys by which those are known."""

import shlex

import invoke
import paramiko
from fabric import Connection, task
from flask import Flask, request

app = Flask(__name__)
FOLDER = "/srv/reports"


def connect():
    client = paramiko.SSHClient()
    client.load_host_keys("known_hosts")
    client.connect("files.example.com", username="reports")
    return client


def careless():
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # flag unknown-host-key
    policy = paramiko.client.WarningPolicy
    client.set_missing_host_key_policy(policy())  # flag unknown-host-key
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.set_missing_host_key_policy(choose())
    return client


def transfer(key):
    transport = paramiko.Transport(("files.example.com", 22))
    transport.connect(username="reports", pkey=key)  # flag unknown-host-key
    known = paramiko.Transport(("files.example.com", 22))
    known.connect(known_key("files.example.com"), "reports")
    return paramiko.SFTPClient.from_transport(transport)


def compared(key):
    transport = paramiko.Transport(("files.example.com", 22))
    transport.connect(username="reports", pkey=key)
    if transport.get_remote_server_key() != known_key("files.example.com"):
        transport.close()
    return transport


@app.get("/report")
def report():
    name = request.args["name"]
    client = connect()
    client.exec_command("report " + name)  # flag command-injection
    stdin, stdout, stderr = client.exec_command("report " + shlex.quote(name))
    client.exec_command("report all")
    client.get_transport().open_session().exec_command(f"report {name}")  # flag command-injection
    files = client.open_sftp()
    files.get(f"{FOLDER}/{name}", "report.txt")  # flag path-traversal
    files.put("report.txt", "/srv/" + name)  # flag path-traversal
    files.listdir(FOLDER)
    with files.open("/srv/" + name) as file:  # flag path-traversal
        file.read()
    return stdout.read()


@app.get("/hosts")
def hosts():
    name = request.args["name"]
    with Connection("files.example.com") as connection:
        connection.run("report " + name)  # flag command-injection
        connection.sudo(f"report {name}")  # flag command-injection
        connection.local("report " + name)  # flag command-injection
        connection.run("report " + shlex.quote(name), hide=True)
        connection.run("report all")
    Connection(request.args["host"])  # flag server-side-request-forgery
    invoke.run("report " + name)  # flag command-injection
    invoke.Context().run("report " + name)  # flag command-injection
    return ""


@task
def publish(connection, branch="main"):
    connection.run("git pull origin " + branch)

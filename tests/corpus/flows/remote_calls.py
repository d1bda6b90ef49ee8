"""XML-RPC: whoever calls chooses the arguments of what a server offers."""

import os
import subprocess
from xmlrpc.server import CGIXMLRPCRequestHandler, SimpleXMLRPCServer


class Machine:
    folder = "/srv"

    def __init__(self, folder):
        os.makedirs(folder)

    def empty(self, name):
        os.system("rm -r " + name)  # flag command-injection
        subprocess.run(["ls", "--", self.folder], check=True)
        return self._emptied(name)

    def count(self, number):
        os.system("count %d" % int(number))

    def _emptied(self, name):
        return os.system("ls " + name)  # flag command-injection

    def _private(self, name):
        os.system("ls " + name)


class Unoffered:
    def empty(self, name):
        os.system("rm -r " + name)


class Server(SimpleXMLRPCServer):
    allow_reuse_address = True


def run(program):
    eval(program)  # flag code-injection


def add(one, other):
    return one + other


def main():
    server = Server(("localhost", 8000))
    server.register_instance(Machine("/srv"))
    server.register_function(add)
    handler = CGIXMLRPCRequestHandler()
    handler.register_function(run, "run")
    Unoffered()
    server.serve_forever()

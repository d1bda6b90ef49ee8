"""What the starter of a program passes to it: trusted, but for the line of a shell."""

import argparse
import os
import subprocess
import sys

import click
import typer
from celery import Celery, shared_task

program = typer.Typer()
tasks = Celery("shop")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    arguments = parser.parse_args()
    os.system("ls " + arguments.folder)  # flag command-injection
    subprocess.run(["ls", arguments.folder])
    subprocess.run([arguments.folder, "--version"])
    open(arguments.folder)
    known, rest = parser.parse_known_args()
    os.system("ls " + rest[0])  # flag command-injection
    os.system("ls " + sys.argv[1])  # flag command-injection


@click.command()
@click.argument("folder")
@click.option("--depth", type=int)
def show(folder, depth):
    os.system(f"ls {folder}")  # flag command-injection
    subprocess.run(["git", "log", folder])
    open(folder)


@program.command()
def find(folder: str, depth: int = 3):
    os.system(f"find {folder}")  # flag command-injection
    os.system(f"find -maxdepth {depth}")
    os.system("find " + typer.prompt("Where?"))  # flag command-injection
    open(folder)


@tasks.task
def convert(name):
    subprocess.run(["convert", name, "out.png"])


@shared_task(bind=True)
def resize(self, name):
    self.update_state(state="PROGRESS")
    open(name)

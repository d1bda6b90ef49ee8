"""Functions that are called elsewhere and later, with what was passed here: tasks, threads, commands of a group."""

import os
import threading

import click
from celery import Celery, shared_task
from flask import Flask, request

app = Flask(__name__)
queue = Celery("shop")


@queue.task
def resize(name, size):
    os.system(f"convert {name} -resize {size}")  # flag command-injection


@shared_task(bind=True)
def publish(self, folder):
    os.system("rsync " + folder)  # flag command-injection


@shared_task
def count(number):
    os.system(f"count {int(number)}")


def watch(folder, times):
    os.system("watch " + folder)  # flag command-injection
    os.system(f"watch {times}")


@app.post("/start")
def start():
    resize.delay(request.form["name"], 20)
    publish.apply_async(args=[request.form["folder"]], countdown=3)
    count.s(request.form["number"]).delay()
    threading.Thread(target=watch, args=(request.form["folder"], 3), daemon=True).start()
    return ""


@click.group()
def shop():
    pass


@shop.command()
@click.argument("name")
def show(name):
    os.system("show " + name)  # flag command-injection

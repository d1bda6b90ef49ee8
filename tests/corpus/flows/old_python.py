"""A program for Python 2: names that Python 3 no longer has mean what they meant."""

import commands
import imp
import os
import platform
import popen2
import string
import urllib
import urllib2
from cStringIO import StringIO

import cPickle
from flask import Flask, request

app = Flask(__name__)


@app.route("/commands")
def run_commands():
    name = request.args["name"]
    os.popen2("ls " + name)  # flag command-injection
    os.popen3(unicode(name))  # flag command-injection
    popen2.popen4("ls %s" % name)  # flag command-injection
    popen2.Popen3("ls " + string.join(["-l", name], " "))  # flag command-injection
    platform.popen("ls " + name)  # flag command-injection
    commands.getoutput("ls " + name)  # flag command-injection
    commands.getoutput("ls -l")
    os.popen2("ls %d" % string.atoi(name))
    for number in xrange(3):
        os.system("ls %s" % number)
    return ""


@app.route("/addresses")
def read_addresses():
    host = request.args["host"]
    urllib2.urlopen("http://%s/" % host)  # flag server-side-request-forgery
    urllib2.urlopen("http://example.com/?" + urllib.urlencode({"host": host}))
    return urllib.quote("<b>" + host)


@app.route("/objects")
def read_objects():
    text = request.args["text"]
    cPickle.loads(text)  # flag unsafe-deserialization
    cPickle.load(StringIO(text))  # flag unsafe-deserialization
    execfile(text)  # flag code-injection
    imp.load_source("plugin", text)  # flag code-injection
    return cPickle.dumps([1])


def main():
    os.system("ls " + raw_input("folder? "))  # flag command-injection

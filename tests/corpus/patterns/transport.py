"""Verification that is switched off, and words that only sound like it."""

import socket
import ssl
from http.server import HTTPServer

import requests as http
from requests import Session


def fetch(url):
    return http.post(url, json={}, verify=False)  # flag disabled-tls-verification


def with_session(url):
    session = Session()
    session.verify = False  # flag disabled-tls-verification
    return session.get(url)


def with_context():
    context = ssl.create_default_context()
    context.check_hostname = False  # flag disabled-tls-verification
    context.verify_mode = ssl.CERT_NONE  # flag disabled-tls-verification
    return context


def chosen(url, verify):
    return http.get(url, verify=verify)


def checked(url):
    return http.get(url, verify=True)


def schema(validator):
    return validator.check(verify=False)


def serve(handler):
    HTTPServer(("0.0.0.0", 80), handler)  # flag binds-all-interfaces
    HTTPServer(("127.0.0.1", 80), handler)
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.bind(("::", 8080))  # flag binds-all-interfaces
    print("listening on 0.0.0.0")

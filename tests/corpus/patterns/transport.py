"""Verification that is switched off, and words that only sound like it."""

import socket
import ssl
from http.server import HTTPServer

import requests as http
import urllib3
from OpenSSL import SSL
from requests import Session, patch


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


def by_number(url):
    return http.get(url, verify=0)  # flag disabled-tls-verification


def by_word(url):
    return urllib3.PoolManager(cert_reqs="NONE").request("GET", url)  # flag disabled-tls-verification


def by_its_own_name(url):
    return patch(url, verify=False)  # flag disabled-tls-verification


def as_usual(url):
    return http.get(url, verify=None)


def schema(validator):
    return validator.check(verify=False)


def serve(handler):
    HTTPServer(("0.0.0.0", 80), handler)  # flag binds-all-interfaces
    HTTPServer(("127.0.0.1", 80), handler)
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.bind(("::", 8080))  # flag binds-all-interfaces
    print("listening on 0.0.0.0")


def versions():
    context = ssl.create_default_context()
    context.options &= ~ssl.OP_NO_TLSv1  # flag insecure-tls-version
    context.options &= ~ssl.OP_NO_TICKET
    return context


def ciphers(context, chosen):
    own = ssl.create_default_context()
    own.set_ciphers("ECDHE-RSA-RC4-SHA:HIGH")  # flag insecure-tls-version
    own.set_ciphers("DEFAULT:@SECLEVEL=0")  # flag insecure-tls-version
    own.set_ciphers("DES-CBC-SHA")  # flag insecure-tls-version
    own.set_ciphers("ECDHE+AESGCM:!aNULL:!eNULL:-RC4")
    own.set_ciphers("ALLOW-ED25519:NULLABLE")
    own.set_ciphers(chosen)
    context.set_ciphers("RC4")


def told_by_the_caller(version):
    context = ssl.create_default_context()
    if version == ssl.TLSVersion.TLSv1:
        context.options &= ~ssl.OP_NO_TLSv1
    return context


def default_off(url, verify=False):
    return http.get(url, verify=verify)  # flag disabled-tls-verification


def default_on(url, verify=True, strict=False):
    return http.get(url, verify=verify, stream=strict)


def every_version():
    return SSL.Context(SSL.SSLv23_METHOD)  # flag insecure-tls-version


def without_the_old_by_options():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS)
    context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    return context


def without_the_old_by_version():
    context = ssl.SSLContext()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _probe():
    probe = socket.socket()
    probe.settimeout(1)
    return probe


def tried(port):
    _probe().bind(("", port))


def find_free_port(ports):
    for port in ports:
        attempt = socket.socket()
        try:
            attempt.bind(("", port))
        except OSError:
            continue
        attempt.close()
        return port


def listen_on_a_free_port(ports):
    listener = socket.socket()
    listener.bind(("", ports[0]))  # flag binds-all-interfaces
    listener.listen(5)
    return listener


def open_listener(address):
    listener = socket.socket()
    listener.bind(("", address.number))  # flag binds-all-interfaces
    return listener

"""Ciphers and keys under other names, and calls that only look like them."""

import hmac

from Crypto.Cipher import AES, DES, Blowfish
from Crypto.Cipher.AES import MODE_ECB
from Crypto.PublicKey import DSA, ECC, RSA
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4 as RC4
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BITS = 1024
STRONG = 3072


def old(key, iv):
    return DES.new(key, DES.MODE_CBC, iv)  # flag weak-cipher


def blocks(key):
    mode = MODE_ECB
    return AES.new(key, mode)  # flag weak-cipher


def by_number(key, iv):
    AES.new(key, 1)  # flag weak-cipher
    return AES.new(key, 2, iv)  # flag weak-cipher


def by_keyword(key):
    return AES.new(key, mode=AES.MODE_ECB)  # flag weak-cipher


def stream(key):
    return Cipher(RC4(key), mode=None)  # flag weak-cipher


def chosen(key, iv, legacy):
    make = Blowfish.new if legacy else AES.new
    return make(key, AES.MODE_CBC, iv)  # flag weak-cipher


def good(key, nonce, iv):
    AES.new(key, AES.MODE_GCM, nonce=nonce)
    Cipher(algorithms.AES(key), modes.GCM(nonce))
    return Cipher(algorithms.ChaCha20(key, nonce), mode=None)


def changed_unnoticed(key, nonce):
    return Cipher(algorithms.AES(key), modes.CTR(nonce))  # flag weak-cipher


def sealed(key, nonce, text, seal):
    encryptor = Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor()
    hidden = encryptor.update(text) + encryptor.finalize()
    return hidden + hmac.new(seal, hidden, "sha256").digest()


class Box:
    def __init__(self, key, seal):
        self.key, self.seal = key, seal

    def hide(self, text, iv):
        return AES.new(self.key, AES.MODE_CBC, iv).encrypt(text)

    def mark(self, hidden):
        return hmac.new(self.seal, hidden, "sha256").digest()


def without_a_key(nonce):
    return AES.new(b"", AES.MODE_GCM, nonce=nonce)  # flag weak-cipher


class DES3:
    MODE_ECB = 1

    @staticmethod
    def new(key, mode):
        return key, mode


def of_our_own(key):
    return DES3.new(key, DES3.MODE_ECB)


def short():
    rsa.generate_private_key(65537, BITS)  # flag weak-key
    dsa.generate_private_key(key_size=1024)  # flag weak-key
    DSA.generate(1024)  # flag weak-key
    ec.generate_private_key(curve=ec.SECP192R1())  # flag weak-key
    ec.generate_private_key(ec.SECP192R1)  # flag weak-key
    return ECC.generate(curve="p192")  # flag weak-key


def long(size):
    rsa.generate_private_key(65537, STRONG)
    RSA.generate(size)
    RSA.generate(2048)
    ECC.generate(curve="P-256")
    return ec.generate_private_key(ec.SECP384R1())

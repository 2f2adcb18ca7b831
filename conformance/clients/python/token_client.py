# SPDX-License-Identifier: Apache-2.0
"""token_client.py - PyKCS11 lists a token, logs in and signs; openssl verifies.

From the environment: MODULE, TOKEN, PIN. The argument is a folder with DER certificates and public keys in PEM,
named by CKA_ID, as load_keys() of lib.sh leaves them. Prints TAP without numbers for relay().
"""
import hashlib
import os
import subprocess
import sys
import tempfile
import traceback

import PyKCS11
from PyKCS11 import LowLevel

# mechanism, key type, openssl's digest, PSS: (hash, MGF, salt length)
SCHEMES = [
    ("CKM_SHA1_RSA_PKCS", "RSA", "sha1", None),
    ("CKM_SHA256_RSA_PKCS", "RSA", "sha256", None),
    ("CKM_SHA384_RSA_PKCS", "RSA", "sha384", None),
    ("CKM_SHA512_RSA_PKCS", "RSA", "sha512", None),
    ("CKM_SHA256_RSA_PKCS_PSS", "RSA", "sha256", ("CKM_SHA256", "CKG_MGF1_SHA256", 32)),
    ("CKM_SHA384_RSA_PKCS_PSS", "RSA", "sha384", ("CKM_SHA384", "CKG_MGF1_SHA384", 48)),
    ("CKM_SHA512_RSA_PKCS_PSS", "RSA", "sha512", ("CKM_SHA512", "CKG_MGF1_SHA512", 64)),
    ("CKM_ECDSA", "EC", "sha256", None),
    ("CKM_ECDSA_SHA256", "EC", "sha256", None),
    ("CKM_ECDSA_SHA384", "EC", "sha384", None),
    ("CKM_ECDSA_SHA512", "EC", "sha512", None),
]
KEY_TYPES = {LowLevel.CKK_RSA: "RSA", LowLevel.CKK_EC: "EC"}
DOCUMENT = os.urandom(50000)


def trial(name, action):
    try:
        action()
        print(f"ok - {name}")
    except Exception:  # whatever it is, it is this case's failure
        print(f"not ok - {name}")
        for line in traceback.format_exc().splitlines():
            print(f"# {line}")


def wanted(condition, what):
    if not condition:
        raise AssertionError(what)


def parameter(mechanism, pss):
    code = getattr(LowLevel, mechanism)
    if pss is None:
        return PyKCS11.Mechanism(code, None)
    digest, mgf, salt = pss
    return PyKCS11.RSA_PSS_Mechanism(code, getattr(LowLevel, digest), getattr(LowLevel, mgf), salt)


def der_of_ecdsa(raw):
    """The SEQUENCE of two INTEGERs that openssl reads, from r and s one after the other. RFC 3279 2.2.3."""
    half = len(raw) // 2
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as text, tempfile.NamedTemporaryFile() as der:
        text.write(f"asn1=SEQUENCE:pair\n[pair]\nr=INTEGER:0x{raw[:half].hex()}\ns=INTEGER:0x{raw[half:].hex()}\n")
        text.flush()
        subprocess.run(["openssl", "asn1parse", "-genconf", text.name, "-noout", "-out", der.name], check=True)
        return der.read()


class Token:
    """One token, its session and what is known of its keys."""

    def __init__(self, folder):
        self.folder = folder
        self.library = PyKCS11.PyKCS11Lib()
        self.library.load(os.environ["MODULE"])
        slots = self.library.getSlotList(tokenPresent=True)
        self.slot = next(slot for slot in slots if self.label(slot) == os.environ["TOKEN"])
        self.session = self.library.openSession(self.slot)
        self.keys = []

    def label(self, slot):
        return self.library.getTokenInfo(slot).label.strip()

    def log_in(self):
        self.session.login(os.environ["PIN"])

    def list_before_login(self):
        found = self.session.findObjects([(LowLevel.CKA_CLASS, LowLevel.CKO_PRIVATE_KEY)])
        wanted(not found, "a private key is seen before login")

    def list_keys(self):
        for key in self.session.findObjects([(LowLevel.CKA_CLASS, LowLevel.CKO_PRIVATE_KEY)]):
            key_type, key_id = self.session.getAttributeValue(key, [LowLevel.CKA_KEY_TYPE, LowLevel.CKA_ID])
            key_id = bytes(key_id).hex()
            if key_type in KEY_TYPES and os.path.exists(self.public_key(key_id)):
                self.keys.append((key, KEY_TYPES[key_type], key_id))
        wanted(self.keys, "no private key is seen after login")

    def public_key(self, key_id):
        return os.path.join(self.folder, f"{key_id}.pub.pem")

    def read_all_attributes(self):
        for found in self.session.findObjects():
            wanted(found.to_dict(), "an object has no attribute")

    def hide_secrets(self):
        for key, key_type, _ in self.keys:
            secret = LowLevel.CKA_PRIVATE_EXPONENT if key_type == "RSA" else LowLevel.CKA_VALUE
            value = self.session.getAttributeValue(key, [secret])[0]
            wanted(value is None, "a private key's value is given away")

    def sign(self, session, key, mechanism, pss):
        data = hashlib.sha256(DOCUMENT).digest() if mechanism == "CKM_ECDSA" else DOCUMENT
        return bytes(session.sign(key, data, parameter(mechanism, pss)))

    def verify(self, key_id, digest, pss, signature):
        options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if pss else []
        with tempfile.NamedTemporaryFile() as file:
            file.write(signature)
            file.flush()
            subprocess.run(["openssl", "dgst", "-verify", self.public_key(key_id), f"-{digest}", *options,
                            "-signature", file.name], input=DOCUMENT, check=True, stdout=subprocess.DEVNULL)

    def sign_and_verify(self, key, key_type, key_id, scheme):
        mechanism, _, digest, pss = scheme
        signature = self.sign(self.session, key, mechanism, pss)
        self.verify(key_id, digest, pss, der_of_ecdsa(signature) if key_type == "EC" else signature)

    def schemes(self, key_type):
        offered = self.library.getMechanismList(self.slot)
        return [scheme for scheme in SCHEMES if scheme[1] == key_type and scheme[0] in offered]

    def sign_after_refusal(self):
        """What cannot be signed is refused, and leaves no operation behind."""
        for key, key_type, key_id in self.keys:
            if key_type != "RSA":
                continue
            try:
                self.session.sign(key, b"x" * 2000, PyKCS11.Mechanism(LowLevel.CKM_RSA_PKCS, None))
                raise AssertionError("2000 bytes were signed with CKM_RSA_PKCS")
            except PyKCS11.PyKCS11Error as refusal:
                wanted(refusal.value != LowLevel.CKR_OPERATION_ACTIVE, "an operation was active")
            self.sign_and_verify(key, key_type, key_id, self.schemes(key_type)[0])

    def sign_in_other_session(self):
        other = self.library.openSession(self.slot, LowLevel.CKF_SERIAL_SESSION | LowLevel.CKF_RW_SESSION)
        wanted(other.getSessionInfo().state == LowLevel.CKS_RW_USER_FUNCTIONS, "the login does not hold there")
        key, key_type, _ = self.keys[0]
        mechanism, _, _, pss = self.schemes(key_type)[0]
        wanted(self.sign(other, key, mechanism, pss), "no signature")
        other.closeSession()

    def log_out(self):
        self.session.logout()
        self.list_before_login()
        self.session.closeSession()

    def run(self):
        trial("private keys are hidden before login", self.list_before_login)
        trial("it logs in", self.log_in)
        trial("it lists private keys", self.list_keys)
        trial("every attribute of every object can be read", self.read_all_attributes)
        trial("the private keys' values stay where they are", self.hide_secrets)
        for key, key_type, key_id in self.keys:
            for scheme in self.schemes(key_type):
                trial(f"{key_type} key {key_id} signs with {scheme[0]}, openssl verifies it",
                      lambda k=key, t=key_type, i=key_id, s=scheme: self.sign_and_verify(k, t, i, s))
        trial("after a refused signature the session signs", self.sign_after_refusal)
        trial("another session of the application signs", self.sign_in_other_session)
        trial("after logout private keys are hidden", self.log_out)


Token(sys.argv[1]).run()

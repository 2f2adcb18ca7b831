# SPDX-License-Identifier: Apache-2.0
"""What a thief of the database can do with a guess of a PIN, away from the HSM.

    offline_guesses.py DATABASE PIN [CODE]    prints each test of the guess that the database answers; none is best
    offline_guesses.py --list PIN             prints the values that are looked for, as NAME HEX

The thief has a device too, so the salt is served: CA, CERTIFICATE and KEY are PEM files, PORT, REALM and TOKEN say
where. Written from docs/protocol.md with another language's libraries: nothing of the project's code is in it.
"""
import base64
import ctypes
import hashlib
import hmac
import os
import pathlib
import sqlite3
import sys

import grpc

CODE_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
REALM, TOKEN = os.environ["REALM"].encode(), os.environ["TOKEN"].encode()


def context(label, *fields):
    """Section "Contexts": each field with its length before it."""
    fields = [field.to_bytes(8, "big") if isinstance(field, int) else field for field in (label.encode(), *fields)]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, data):
    return hmac.digest(key, data, "sha256")


def hkdf(secret, info):
    return mac(mac(bytes(32), secret), info + b"\x01")


# ------------------------------------------------------------------------------------------------- the salt


def fields_of(message):
    """Numbers and bytes of a protobuf message, by field number."""
    fields, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            at, value = at + value, message[at:at + value]
        fields[tag >> 3] = value
    return fields


def get_token():
    read = [pathlib.Path(os.environ[name]).read_bytes() for name in ("CA", "KEY", "CERTIFICATE")]
    channel = grpc.secure_channel(f"localhost:{os.environ['PORT']}", grpc.ssl_channel_credentials(*read))
    call = channel.unary_unary("/privyseal.v1.Tokens/GetToken")
    return fields_of(call(b"\x0a" + bytes([len(TOKEN)]) + TOKEN, timeout=10))


def argon2id(pin, salt, memory_kib, passes, lanes):
    result = ctypes.create_string_buffer(32)
    status = ctypes.CDLL("libargon2.so.1").argon2id_hash_raw(
        passes, memory_kib, lanes, pin, ctypes.c_size_t(len(pin)), salt, ctypes.c_size_t(len(salt)), result,
        ctypes.c_size_t(32))
    assert status == 0, status
    return result.raw


def stretch(pin, token):
    """Section "From PIN to S": Argon2id's output, and S."""
    salt = sha256(context("privyseal v1 stretch salt", REALM, TOKEN, token[4]))
    stretched = argon2id(pin, salt, token[5], token[6], token[7])
    return stretched, hkdf(stretched, context("privyseal v1 stretched pin", REALM, TOKEN, token[8]))


# ------------------------------------------------------------------------------------- guesses and their tests


def values_of(pin):
    """What a careless server might have stored of a PIN, by name."""
    token = get_token()
    salt = token[4]
    stretched, s = stretch(pin, token)
    values = {"Argon2id(PIN)": stretched, "Argon2id(PIN), served salt": argon2id(pin, salt, *(token[i] for i in (5, 6, 7)))}
    for name, secret in {"PIN": pin, "S": s, **values}.items():
        values.update({
            f"SHA-256({name})": sha256(secret),
            f"SHA-1({name})": hashlib.sha1(secret).digest(),
            f"SHA-512({name})": hashlib.sha512(secret).digest(),
            f"SHA-256(salt {name})": sha256(salt, secret),
            f"SHA-256({name} salt)": sha256(secret, salt),
            f"HMAC(salt, {name})": mac(salt, secret),
            f"HMAC({name}, salt)": mac(secret, salt),
            f"PBKDF2({name})": hashlib.pbkdf2_hmac("sha256", secret, salt, 10000),
        })
    values["S"] = s
    values["base64url(S)"] = base64.urlsafe_b64encode(s).rstrip(b"=")  # the user PIN of a partition
    return values


def gcm_opens(key, nonce, sealed, aad):
    """AES-256-GCM by libcrypto."""
    crypto = ctypes.CDLL("libcrypto.so.3")
    crypto.EVP_CIPHER_CTX_new.restype = crypto.EVP_aes_256_gcm.restype = ctypes.c_void_p
    state = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    out, length = ctypes.create_string_buffer(len(sealed) + 16), ctypes.c_int()
    update = crypto.EVP_DecryptUpdate
    ciphertext, tag = sealed[:-16], sealed[-16:]
    crypto.EVP_DecryptInit_ex(state, ctypes.c_void_p(crypto.EVP_aes_256_gcm()), None, key, nonce)
    if aad:
        update(state, None, ctypes.byref(length), aad, len(aad))
    update(state, out, ctypes.byref(length), ciphertext, len(ciphertext))
    crypto.EVP_CIPHER_CTX_ctrl(state, 0x11, 16, tag)  # EVP_CTRL_AEAD_SET_TAG
    opened = crypto.EVP_DecryptFinal_ex(state, out, ctypes.byref(length)) == 1
    crypto.EVP_CIPHER_CTX_free(state)
    return opened


def rows_of(database, table):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection.execute(f"SELECT * FROM {table}").fetchall()


def check_values(database, values):
    """Section "At rest", with S in the place of what only the HSM has: check values and row keys."""
    found = []
    for row in rows_of(database, "access_rows"):
        fields = (REALM, TOKEN, row["kind"], row["row_name"], row["version"], row["kd_epoch"])
        checked = context("privyseal v1 pin check", REALM, TOKEN, row["row_name"], row["version"], values["S"])
        keys = {**values, "HKDF(S, row)": hkdf(values["S"], context("privyseal v1 pin", *fields))}
        for name, key in keys.items():
            if mac(key, checked) == row["check_value"] or sha256(checked) == row["check_value"]:
                found.append(f"the check value, under {name}")
            if len(key) == 32 and gcm_opens(key, row["nonce"], row["sealed"], context("privyseal v1 pin row", *fields)):
                found.append(f"the sealed secret, under {name}")
    return found


def files_of(database):
    names = [database, database + "-wal"]
    return b"".join(pathlib.Path(name).read_bytes() for name in names if os.path.exists(name))


def stored(database, values):
    """Whatever stands anywhere in the files: as bytes, or as text."""
    files = files_of(database)
    found = []
    for name, value in values.items():
        forms = (value, value.hex().encode(), value.hex().upper().encode(), base64.b64encode(value).rstrip(b"="),
                 base64.urlsafe_b64encode(value).rstrip(b"="))
        if any(form in files for form in forms) or (len(value) >= 20 and value[:16] in files):
            found.append(f"{name} is stored")
    return found


def code_values(text):
    number = 0
    for digit in text.replace("-", "")[:26]:
        number = number << 5 | CODE_DIGITS.index(digit)
    code = number.to_bytes(16, "big")
    return {"the activation code": code, "its text": text.encode(), "SHA-256(code)": sha256(code),
            "SHA-256(its text)": sha256(text.encode())}


def main():
    # A test vector first (GCM's test case 14): this tool can open what has the right key.
    assert gcm_opens(bytes(32), bytes(12), bytes.fromhex(
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"), b"")
    values = values_of(sys.argv[2].encode())
    if sys.argv[1] == "--list":
        print(*(f"{name}\t{value.hex()}" for name, value in values.items()), sep="\n")
        return 0
    found = check_values(sys.argv[1], values)
    values["the PIN"] = sys.argv[2].encode()
    for text in sys.argv[3:]:
        values.update(code_values(text))
    found += stored(sys.argv[1], values)
    print(*found, sep="\n", end="\n" if found else "")
    return 0


sys.exit(main())

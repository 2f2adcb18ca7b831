# SPDX-License-Identifier: Apache-2.0
"""firefox_client.py PORT FOLDER PROTOCOL=URL... - drives a Firefox that listens for Marionette on PORT.

FOLDER has certificates of the token in PEM. Each is shown to each URL, of a server that wants one and answers with the
certificate it saw. The PIN of the environment answers the dialog. Prints TAP without numbers for relay() of lib.sh.
Source: Marionette's protocol, remote/marionette in Mozilla's sources: LENGTH:[type, id, command, parameters].
"""
import hashlib
import json
import os
import socket
import ssl
import sys
import time
import traceback


class MarionetteError(Exception):
    pass


class Marionette:
    def __init__(self, port):
        self.socket = self.connect(port)
        self.file = self.socket.makefile("rb")
        self.number = 0
        self.read()  # its greeting

    @staticmethod
    def connect(port):
        deadline = time.monotonic() + 90
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=60)
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def read(self):
        length = b""
        while (byte := self.file.read(1)) != b":":
            if not byte:
                raise MarionetteError("Firefox has gone")
            length += byte
        return json.loads(self.file.read(int(length)))

    def call(self, command, **parameters):
        self.number += 1
        message = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        while True:
            answer = self.read()
            if answer[0] == 1 and answer[1] == self.number:
                break
        if answer[2]:
            raise MarionetteError(f"{command}: {answer[2]['error']}: {answer[2]['message']}")
        return answer[3]


# These take the place of the dialogs that Firefox shows on its own behalf: modal ones, which stop Marionette, too.
ANSWER_DIALOGS = """
const [pin] = arguments;
const register = (name, object) => Components.manager.QueryInterface(Ci.nsIComponentRegistrar).registerFactory(
    Services.uuid.generateUUID(), name, name, {
        QueryInterface: ChromeUtils.generateQI(["nsIFactory"]),
        createInstance(interfaceId) { return object.QueryInterface(interfaceId); },
    });
const pinDialog = {
    QueryInterface: ChromeUtils.generateQI(["nsIPrompt"]),
    promptPassword(title, text, value) {
        window.conformance.questions++;
        value.value = pin;
        return true;
    },
};
window.conformance = {questions: 0, fingerprint: ""};
register("@mozilla.org/prompter;1", {
    QueryInterface: ChromeUtils.generateQI(["nsIPromptFactory"]),
    getPrompt(parent, interfaceId) { return pinDialog.QueryInterface(interfaceId); },
});
register("@mozilla.org/security/ClientAuthDialogService;1", {
    QueryInterface: ChromeUtils.generateQI(["nsIClientAuthDialogService"]),
    chooseCertificate(host, certificates, context, issuers, callback) {
        const wanted = window.conformance.fingerprint;
        const found = certificates.find(each => each.sha256Fingerprint == wanted);
        callback.certificateChosen(found ?? null, Ci.nsIClientAuthRememberService.Once);
    },
});
"""


class Browser:
    def __init__(self, port):
        self.marionette = Marionette(port)
        self.marionette.call("WebDriver:NewSession", acceptInsecureCerts=True)
        self.privileged(ANSWER_DIALOGS, os.environ["PIN"])

    def privileged(self, script, *arguments):
        self.marionette.call("Marionette:SetContext", value="chrome")
        result = self.marionette.call("WebDriver:ExecuteScript", script=script, args=arguments, sandbox="system")
        self.marionette.call("Marionette:SetContext", value="content")
        return result["value"]

    def show(self, url, certificate):
        """The server's page has the certificate that it was shown in it."""
        der = ssl.PEM_cert_to_DER_cert(certificate)
        fingerprint = ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())
        self.privileged("window.conformance.fingerprint = arguments[0]", fingerprint)
        self.marionette.call("WebDriver:Navigate", url=url)
        page = self.marionette.call("WebDriver:ExecuteScript", script="return document.body.textContent", args=[])
        if certificate.strip() not in page["value"]:
            raise AssertionError("the server saw another certificate, or none")

    def asked_once(self):
        questions = self.privileged("return window.conformance.questions")
        if questions != 1:
            raise AssertionError(f"it asked {questions} times")

    def quit(self):
        self.marionette.call("Marionette:Quit", flags=["eAttemptQuit"])


def trial(name, action):
    try:
        action()
        print(f"ok - {name}", flush=True)
    except Exception:  # whatever it is, it is this case's failure
        print(f"not ok - {name}")
        for line in traceback.format_exc().splitlines():
            print(f"# {line}", flush=True)


def main(port, folder, urls):
    browser = Browser(int(port))
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="ascii") as file:
            certificate = file.read()
        for protocol, url in (each.split("=", 1) for each in urls):
            trial(f"it shows the certificate of {name} in {protocol}", lambda u=url, c=certificate: browser.show(u, c))
    trial("it asked for the PIN once", browser.asked_once)
    browser.quit()


main(sys.argv[1], sys.argv[2], sys.argv[3:])

# SPDX-License-Identifier: Apache-2.0
"""libreoffice_client.py PIPE FOLDER - drives a LibreOffice that listens on PIPE: it signs PDFs and ODF documents.

LibreOffice asks for the PIN in a dialog, which it does not have without a display. So the service that shows its
dialogs is replaced by one of ours, called from inside LibreOffice, that answers with the PIN of the environment.
FOLDER gets the signed documents, N.pdf and N.odt. Prints TAP without numbers for relay() of lib.sh.
"""
import os
import sys
import time
import traceback

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.embed.ElementModes import READ, READWRITE
from com.sun.star.lang import DisposedException, XServiceInfo, XSingleComponentFactory
from com.sun.star.task import XInteractionHandler2
from com.sun.star.uno import RuntimeException

KEY_TYPES = ("PKCS #1 RSA Encryption", "X9.62 elliptic curve public key")  # in NSS's words
DIALOGS = "com.sun.star.task.InteractionHandler"


def properties(**values):
    return tuple(PropertyValue(name, 0, value, 0) for name, value in values.items())


def trial(name, action):
    try:
        action()
        print(f"ok - {name}", flush=True)
        return True
    except Exception:  # whatever it is, it is this case's failure
        print(f"not ok - {name}")
        for line in traceback.format_exc().splitlines():
            print(f"# {line}", flush=True)
        return False


def wanted(condition, what):
    if not condition:
        raise AssertionError(what)


class PinDialog(unohelper.Base, XInteractionHandler2):
    """Answers every question for a password."""

    questions = 0

    def handle(self, request):
        for answer in request.getContinuations():
            if hasattr(answer, "setPassword"):
                PinDialog.questions += 1
                answer.setPassword(os.environ["PIN"])
                answer.select()

    def handleInteractionRequest(self, request):
        self.handle(request)
        return True


class PinDialogFactory(unohelper.Base, XSingleComponentFactory, XServiceInfo):
    def createInstanceWithContext(self, _context):
        return PinDialog()

    def createInstanceWithArgumentsAndContext(self, _arguments, _context):
        return PinDialog()

    def getImplementationName(self):
        return "conformance.PinDialog"

    def getSupportedServiceNames(self):
        return (DIALOGS,)

    def supportsService(self, name):
        return name == DIALOGS


def connect(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    deadline = time.monotonic() + 60
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except NoConnectException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


class Office:
    def __init__(self, pipe, folder):
        self.context = connect(pipe)
        self.services = self.context.ServiceManager
        self.folder = folder
        self.certificates = []
        self.dialogs = PinDialogFactory()
        self.document = None

    def service(self, name, *arguments):
        return self.services.createInstanceWithArgumentsAndContext(name, arguments, self.context)

    def replace_dialogs(self):
        own = self.services.createContentEnumeration(DIALOGS).nextElement()
        self.services.remove(own.getImplementationName())
        self.services.insert(self.dialogs)

    def find_certificates(self):
        security = self.service("com.sun.star.xml.crypto.SEInitializer").createSecurityContext("")
        self.certificates = security.getSecurityEnvironment().getPersonalCertificates()
        wanted(self.certificates, "LibreOffice finds no certificate with a private key")

    def write_document(self):
        desktop = self.service("com.sun.star.frame.Desktop")
        self.document = desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, properties(Hidden=True))
        self.document.Text.setString("conformance")

    def url(self, name):
        return uno.systemPathToFileUrl(os.path.join(self.folder, name))

    def sign_pdf(self, number, certificate):
        options = properties(SignPDF=True, SignatureCertificate=certificate)
        self.document.storeToURL(self.url(f"{number}.pdf"), properties(
            FilterName="writer_pdf_Export", FilterData=uno.Any("[]com.sun.star.beans.PropertyValue", options)))

    def signatures(self):
        return self.service("com.sun.star.security.DocumentDigitalSignatures", "1.2", True)

    def verify(self, found, certificate):
        wanted(len(found) == 1, f"{len(found)} signatures where one was made")
        wanted(found[0].SignatureIsValid, "LibreOffice does not find the signature valid")
        wanted(found[0].Signer.SubjectName == certificate.SubjectName, "the signer is somebody else")

    def verify_pdf(self, number, certificate):
        file = self.service("com.sun.star.ucb.SimpleFileAccess").openFileRead(self.url(f"{number}.pdf"))
        self.verify(self.signatures().verifyDocumentContentSignatures(None, file), certificate)

    def package(self, url, mode):
        """A signature signs the streams of a document as they lie there: it is opened as the plain ZIP file it is."""
        kind = uno.Any("[]com.sun.star.beans.PropertyValue", properties(StorageFormat="ZipFormat"))
        return uno.invoke(self.service("com.sun.star.embed.StorageFactory"), "createInstanceWithArguments",
                          ((url, mode, kind),))

    def sign_odf(self, number, certificate):
        url = self.url(f"{number}.odt")
        self.document.storeToURL(url, properties(FilterName="writer8"))
        package = self.package(url, READWRITE)
        wanted(self.signatures().signDocumentWithCertificate(certificate, package, None), "LibreOffice did not sign")
        package.dispose()

    def verify_odf(self, number, certificate):
        package = self.package(self.url(f"{number}.odt"), READ)
        self.verify(self.signatures().verifyDocumentContentSignatures(package, None), certificate)

    def end(self):
        """LibreOffice may use its dialogs, which are ours, until it is gone."""
        self.document.close(True)
        desktop = self.service("com.sun.star.frame.Desktop")
        try:
            desktop.terminate()
            while True:
                desktop.getCurrentComponent()
                time.sleep(0.1)
        except (DisposedException, RuntimeException):
            pass

    def run(self):
        self.replace_dialogs()
        if not trial("it finds certificates with private keys", self.find_certificates):
            return
        trial("it asked for the PIN once", lambda: wanted(PinDialog.questions == 1, f"{PinDialog.questions} times"))
        self.write_document()
        steps = [("signs a PDF with", self.sign_pdf), ("verifies the PDF by", self.verify_pdf),
                 ("signs an ODF document with", self.sign_odf), ("verifies the ODF document by", self.verify_odf)]
        for number, certificate in enumerate(self.certificates):
            if certificate.SubjectPublicKeyAlgorithm not in KEY_TYPES:
                print(f"ok - it signs with {certificate.SubjectName} # SKIP LibreOffice signs with RSA and EC keys")
                continue
            for name, step in steps:
                trial(f"it {name} {certificate.SubjectName}", lambda s=step, n=number, c=certificate: s(n, c))
        self.end()


Office(sys.argv[1], sys.argv[2]).run()
sys.stdout.flush()
os._exit(0)  # the threads of the bridge do not survive an ordinary exit

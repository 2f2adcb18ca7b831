/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate_parts.h - what a token shows of a certificate it keeps, straight out of its DER.
 *
 * Nothing is checked but the shape: whoever trusts a certificate parses it with certificate.h. OpenSSL would
 * read the public key as well, which takes most of the time.
 *
 * Source: RFC 5280 4.1 (Basic Certificate Fields).
 */
#pragma once

#include "include/bytes.h"

/* Each as its attribute has it: whole values in DER. Lent from the certificate. */
struct certificate_parts {
    struct bytes serial, issuer, subject, spki;
    struct bytes validity; /* two times, one after the other */
};

/* Errors: -EBADMSG (no certificate, or more than one), also for one over CERTIFICATE_MAX. */
MUST_CHECK int certificate_parts_read(struct bytes der, struct certificate_parts *ret);

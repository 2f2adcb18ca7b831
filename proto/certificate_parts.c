/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_parts.c - from field to field of a TBSCertificate. */
#include "proto/certificate_parts.h"

#include <errno.h>

#include "proto/der.h"
#include "proto/limits.h"

#define TAG_VERSION 0xa0 /* [0] EXPLICIT; absent in version 1 */

int certificate_parts_read(struct bytes der, struct certificate_parts *ret)
{
    struct reader whole = reader_of(der), certificate = reader_of(der_take(&whole, DER_SEQUENCE));
    struct reader fields = reader_of(der_take(&certificate, DER_SEQUENCE));
    struct certificate_parts parts;

    if (der_is_next(&fields, TAG_VERSION))
        (void)der_take(&fields, TAG_VERSION);
    parts.serial = der_take_whole(&fields, DER_INTEGER);
    (void)der_take(&fields, DER_SEQUENCE); /* signature */
    parts.issuer = der_take_whole(&fields, DER_SEQUENCE);
    parts.validity = der_take(&fields, DER_SEQUENCE);
    parts.subject = der_take_whole(&fields, DER_SEQUENCE);
    parts.spki = der_take_whole(&fields, DER_SEQUENCE);
    (void)der_take(&certificate, DER_SEQUENCE); /* signatureAlgorithm */
    (void)der_take(&certificate, DER_BIT_STRING);
    if (der.len > CERTIFICATE_MAX || fields.failed || !reader_done(&certificate) || !reader_done(&whole))
        return -EBADMSG;
    *ret = parts;
    return 0;
}

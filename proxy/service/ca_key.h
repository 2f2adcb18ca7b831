/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca_key.h - an authority's key in the HSM, as OpenSSL sees one: X509_sign(), X509_CRL_sign() and OCSP_basic_sign()
 * take it like any other, and the digest goes to the HSM.
 */
#pragma once

#include <openssl/types.h>

#include "proxy/hsm/hsm.h"

/* @hsm outlives the key. Signs SHA-256 digests alone. Errors: CKR_HOST_MEMORY, what the HSM says. */
MUST_CHECK CK_RV ca_key_new(struct hsm *hsm, enum hsm_ca ca, EVP_PKEY **ret);

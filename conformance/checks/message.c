/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - messages and their signatures. */
#include "conformance/checks/message.h"

#include <string.h>

#include "conformance/checks/key.h"

void message_init(struct check *check, struct message *message)
{
    memset(message->data, 0x5a, sizeof(message->data));
    message->len = mechanism_fit(check->mechanism, message->data, 100, check->key.signature_len);
}

void needs_parts(struct check *check)
{
    if (!check->mechanism->digest)
        check_skip(check, "the token has no key with a mechanism that hashes");
}

void expect_signature(struct check *check, const struct message *message, const CK_BYTE *signature,
                      CK_ULONG len)
{
    struct mechanism_use use;
    EVP_PKEY *public = key_public(check, &check->key);

    mechanism_use_init(&use, check->mechanism, mechanism_digest_len(check->mechanism));
    if (expect_true(check, public != NULL, "the key has no public half"))
        expect_true(check, signature_verifies(public, &use, message->data, message->len, signature, len),
                    "OpenSSL refuses the signature");
    EVP_PKEY_free(public);
}

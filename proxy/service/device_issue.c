/* SPDX-License-Identifier: Apache-2.0 */
/* device_issue.c - what an enrolment and a renewal have in common. */
#include "proxy/service/device_issue.h"

#include <string.h>
#include <openssl/x509.h>

#include "proxy/service/message.h"

DEFINE_CLEANUP(X509_NAME_free, X509_NAME *);

void device_issue_clear(struct device_issue *issue)
{
    EVP_PKEY_free(issue->key);
    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++)
        buffer_clear(&issue->chain[i]);
}

/* The name says whose device it is; which device, the hash says. */
static X509_NAME *make_subject(const char *user)
{
    CLEANUP(X509_NAME_free) X509_NAME *subject = X509_NAME_new();

    if (!subject || !X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                                (const unsigned char *)user, -1, -1, 0))
        return NULL;
    return TAKE(subject);
}

enum reason device_issue(struct service *service, struct call *call, struct device_issue *issue)
{
    CLEANUP(X509_NAME_free) X509_NAME *subject = make_subject(issue->user);
    struct issue_request request = { .profile = ISSUE_CLIENT,
                                     .owner = issue->user,
                                     .public_key = issue->key,
                                     .subject = subject,
                                     .days = service->config->ca_days[ISSUE_CLIENT] };
    struct issued_row issued;
    enum reason reason;

    if (!subject)
        return REASON_INTERNAL;
    reason = issue_certificate(service, &request, call->now_ms, issue->chain, &issued);
    if (reason != REASON_NONE)
        return reason;
    memcpy(issue->row.hash, issued.hash, HASH_LEN);
    issue->row.role = issue->role;
    issue->row.not_after_ms = issued.not_after_ms;
    issue->row.created_ms = call->now_ms;
    return REASON_NONE;
}

enum reason device_issue_answer(const struct device_issue *issue, size_t *ret_count,
                                ProtobufCBinaryData **ret)
{
    *ret = message_alloc(ISSUE_CHAIN_LEN * sizeof(**ret));
    if (!*ret)
        return REASON_INTERNAL;
    for (size_t i = 0; i < ISSUE_CHAIN_LEN; i++) {
        if (message_set_bytes(&(*ret)[i], buffer_bytes(&issue->chain[i])) < 0)
            return REASON_INTERNAL;
        (*ret_count)++;
    }
    return REASON_NONE;
}

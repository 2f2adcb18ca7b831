/* SPDX-License-Identifier: Apache-2.0 */
/* issue.h - from a certificate request to a certificate, registered where its profile has a role. */
#pragma once

#include "cli/cli.h"
#include "include/bytes.h"
#include "proto/privyseal.pb-c.h"

/* The command's arguments are the name, the file with the request, and (not always) the file for the certificate. */
MUST_CHECK enum cli_exit issue_certificate(struct cli *cli, const char *profile);
/* The certificate and its issuer's, appended as PEM. */
MUST_CHECK enum cli_exit
issue_chain_pem(struct cli *cli, const Privyseal__V1__IssueCertificateResponse *reply, struct buffer *ret);

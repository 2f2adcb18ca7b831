/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enroll_code.c - a device code, an authenticator's, a recovery code, or nothing.
 *
 * Six to eight digits are no device code, so nobody has to say which of the two is typed. A recovery code looks like a
 * device code, and is worth more: it goes nowhere unless --proof recovery says that it is meant.
 */
#include "cli/enroll_code.h"

#include <stdio.h>
#include <string.h>

#include "cli/connect.h"
#include "proto/enrolment_proof.h"
#include "proto/limits.h"

static bool is_taken(const Privyseal__V1__GetAuthorityResponse *server, Privyseal__V1__EnrolmentProof proof)
{
    for (size_t i = 0; i < server->n_proof; i++)
        if (server->proof[i] == proof)
            return true;
    return false;
}

/* "code, totp" */
static void list_taken(const Privyseal__V1__GetAuthorityResponse *server, char ret[64])
{
    size_t used = 0;

    *ret = '\0';
    for (unsigned kind = 0; kind < ENROLMENT_PROOFS; kind++)
        if (is_taken(server, (Privyseal__V1__EnrolmentProof)kind))
            used += (size_t)snprintf(ret + used, 64 - used, "%s%s", used ? ", " : "",
                                     enrolment_proof_word((Privyseal__V1__EnrolmentProof)kind));
}

static enum cli_exit choose(struct cli *cli, const Privyseal__V1__GetAuthorityResponse *server, bool has_code,
                            Privyseal__V1__EnrolmentProof *ret)
{
    const char *word = cli_option(cli, "proof");
    char taken[64];

    *ret = PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE;
    if (!word) {
        if (!has_code && !cli_option(cli, "code-file") &&
            is_taken(server, PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE))
            *ret = PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE;
        return CLI_DONE;
    }
    if (!enrolment_proof_find(word, ret))
        return cli_fail(cli, CLI_USAGE, NULL, "--proof takes code, totp, recovery or pin, not \"%s\"", word);
    list_taken(server, taken);
    return is_taken(server, *ret)
               ? CLI_DONE
               : cli_fail(cli, CLI_REFUSED, "An enrolled device of yours, or an operator, shows a code.",
                          "this deployment enrols nobody by %s; it takes: %s", word, taken);
}

static bool are_digits(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] < '0' || line.data[i] > '9')
            return false;
    return line.len >= FACTOR_CODE_MIN_LEN && line.len <= FACTOR_CODE_MAX_LEN;
}

/* The 16 bytes of a device's or a recovery code. */
static enum cli_exit parse_code(struct cli *cli, struct bytes line, struct secret **ret)
{
    CLEANUP(secret_free) struct secret *code = NULL;
    enum cli_exit status;

    if (secret_new(DEVICE_CODE_LEN, &code) < 0)
        return cli_fail(cli, CLI_REFUSED, NULL, "out of memory");
    status = connect_parse_code(cli, line, "such a code", code->data);
    if (status == CLI_DONE)
        *ret = TAKE(code);
    return status;
}

static enum cli_exit ask(struct cli *cli, const Privyseal__V1__GetAuthorityResponse *server,
                         struct enroll_code *ret)
{
    bool may_be_totp = is_taken(server, PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP);
    const char *const prompts[ENROLMENT_PROOFS] = {
        [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE] =
            may_be_totp ? "Device code, or the digits that your authenticator shows: " : "Device code: ",
        [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP] = "The digits that your authenticator shows: ",
        [PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_RECOVERY] = "Recovery code: ",
    };
    CLEANUP(secret_free) struct secret *line = NULL;
    enum cli_exit status = connect_line(cli, "code-file", prompts[ret->proof], &line);

    if (status != CLI_DONE)
        return status;
    if (may_be_totp && !cli_option(cli, "proof") && are_digits(secret_bytes(line)))
        ret->proof = PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP;
    if (ret->proof != PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_TOTP)
        return parse_code(cli, secret_bytes(line), &ret->code);
    if (!are_digits(secret_bytes(line)))
        return cli_fail(cli, CLI_USAGE, NULL, "an authenticator shows six digits");
    ret->code = TAKE(line);
    return CLI_DONE;
}

enum cli_exit enroll_code_read(struct cli *cli, const Privyseal__V1__GetAuthorityResponse *server,
                               struct bytes code, struct enroll_code *ret)
{
    enum cli_exit status = choose(cli, server, code.len > 0, &ret->proof);

    if (status != CLI_DONE)
        return status;
    if (ret->proof == PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_PIN_ALONE)
        code = BYTES_NONE;
    else if (ret->proof != PRIVYSEAL__V1__ENROLMENT_PROOF__ENROLMENT_CODE || code.len == 0)
        return ask(cli, server, ret);
    return secret_copy(code, &ret->code) < 0 ? cli_fail(cli, CLI_REFUSED, NULL, "out of memory") : CLI_DONE;
}

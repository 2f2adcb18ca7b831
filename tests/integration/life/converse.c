/* SPDX-License-Identifier: Apache-2.0 */
/*
 * converse.c - an application that does what it is told, one line at a time, while a script does things to the network
 * and the server: converse MODULE TOKEN PIN-FILE [OTHER-TOKEN], then on standard input
 *     login | sign | tokens
 * or the same behind "other ", with the other token. Each is answered with one line: "ok MS", "CKR 0x... MS", or the
 * labels of the tokens that are present.
 */
#include <stdio.h>
#include <string.h>

#include "include/table.h"
#include "tests/integration/life/host.h"

#define SLOTS_MAX 64
#define OTHER     "other "

struct command {
    const char *word;
    void (*run)(struct host *host);
};

static void answer(CK_RV rv, double began_ms)
{
    double ms = host_now_ms() - began_ms;

    if (rv == CKR_OK)
        printf("ok %.0f\n", ms);
    else
        printf("CKR 0x%lx %.0f\n", rv, ms);
}

static void log_in(struct host *host)
{
    double began = host_now_ms();
    CK_RV rv = host_try_login(host);

    answer(rv, began);
}

static void sign(struct host *host)
{
    static unsigned number;
    double began = host_now_ms();

    answer(host_sign_in(host, host->session, HOST_EC, ++number), began);
}

static void list_tokens(struct host *host)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    CK_TOKEN_INFO info;

    EXPECT_OK(host->p11->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++)
        if (host->p11->C_GetTokenInfo(slots[i], &info) == CKR_OK)
            printf("%.*s ", (int)strcspn((const char *)info.label, " "), info.label);
    printf("\n");
}

static const struct command commands[] = {
    { "login", log_in },
    { "sign", sign },
    { "tokens", list_tokens },
};

static void obey(struct host *host, const char *word)
{
    const struct command *command;

    for (EACH_ROW(command, commands))
        if (strcmp(command->word, word) == 0) {
            command->run(host);
            fflush(stdout);
            return;
        }
    EXPECT(false, "no such command: %s", word);
}

int main(int argc, char **argv)
{
    struct host host = { 0 }, other;
    char line[64];

    if (argc != 4 && argc != 5)
        return 2;
    host = (struct host){ .path = argv[1], .token = argv[2], .pin_file = argv[3] };
    host_load(&host);
    EXPECT_OK(host.p11->C_Initialize(NULL));
    other = host;
    other.token = argc == 5 ? argv[4] : argv[2];
    while (fgets(line, sizeof(line), stdin)) {
        bool is_other = strncmp(line, OTHER, strlen(OTHER)) == 0;

        line[strcspn(line, "\n")] = '\0';
        obey(is_other ? &other : &host, is_other ? line + strlen(OTHER) : line);
    }
    host_forget_keys(&other);
    host_finish(&host);
    return 0;
}

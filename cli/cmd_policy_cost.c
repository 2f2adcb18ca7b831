/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_policy_cost.c - policy cost: what guessing a PIN costs whom, with Argon2id measured on this machine at the
 * deployment's cost. An estimate: an attacker buys other machines, and people choose some PINs far more often than others.
 */
#include "cli/commands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/attack_cost.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "client/stretch.h"
#include "include/table.h"

#define ROUNDS        3  /* of measuring: the fastest counts, as it does for an attacker */
#define OUTSIDE_TRIES 10 /* the tenth locks: proxy/access/attempts.h */
#define DEVICE_BITS   128

struct alphabet {
    const char *name;
    unsigned size;
};

static const struct alphabet alphabets[] = {
    { "digits", 10 },
    { "letters", 26 },
    { "mixed", 62 },
    { "printable", 95 },
};

static enum cli_exit find_alphabet(struct cli *cli, const struct alphabet **ret)
{
    const char *name = cli_option(cli, "alphabet");
    const struct alphabet *row;

    for (EACH_ROW(row, alphabets))
        if (strcmp(row->name, name ? name : "digits") == 0) {
            *ret = row;
            return CLI_DONE;
        }
    return cli_fail(cli, CLI_USAGE, NULL, "--alphabet is digits, letters, mixed or printable, not \"%s\"",
                    name);
}

/* Of processor time: a busy machine must not make guessing look dearer than it is. */
static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One guess, on one core of this machine. */
static enum cli_exit measure(struct cli *cli, const struct stretch_cost *cost, double *ret_s)
{
    static const uint8_t salt[SALT_LEN];

    *ret_s = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        CLEANUP(secret_free) struct secret *stretched = NULL;
        double start = seconds(), took;
        int r = stretch_pin(NULL, "measure", "measure", bytes_of_text("135790"), BYTES_OF_ARRAY(salt), cost,
                            1, BYTES_NONE, &stretched);

        if (r < 0)
            return cli_fail(cli, CLI_REFUSED, NULL, "stretching a PIN at the deployment's cost: %s",
                            strerror(-r));
        took = seconds() - start;
        *ret_s = took < *ret_s ? took : *ret_s;
    }
    return CLI_DONE;
}

/* "80 hours", "3.4 years", "beyond all time". */
static void time_text(double s, char *ret, size_t size)
{
    static const struct {
        double s;
        const char *word;
    } units[] = {
        { 31557600, "years" }, { 86400, "days" }, { 3600, "hours" }, { 60, "minutes" }, { 1, "seconds" }
    };
    size_t i = 0;

    while (i + 1 < ARRAY_SIZE(units) && s < 2 * units[i].s)
        i++;
    if (s > 1e6 * units[0].s)
        snprintf(ret, size, "over a million years");
    else
        snprintf(ret, size, "%.1f %s", s / units[i].s, units[i].word);
}

static const char *recommend(const struct attack *attack)
{
    double core_years = attack_core_s(attack) / 31557600;

    if (core_years < 1)
        return "too little against an insider: a longer PIN, letters, or a device secret";
    if (core_years < 1000)
        return "holds an insider up for a while: enough where logs are read and insiders are few";
    return "enough against an insider too, if it is chosen at random";
}

static json_t *result(const struct attack *attack, long length, const struct alphabet *alphabet,
                      const struct stretch_cost *cost)
{
    struct attack with_device = *attack;
    char cores[64], clock[64], device[64], chance[32];

    with_device.pins *= pow(2, DEVICE_BITS);
    time_text(attack_core_s(attack), cores, sizeof(cores));
    time_text(attack_clock_s(attack), clock, sizeof(clock));
    time_text(attack_clock_s(&with_device), device, sizeof(device));
    snprintf(chance, sizeof(chance), "1 in %.0f", 1 / attack_chance(attack, OUTSIDE_TRIES));
    return json_pack("{s:i, s:s, s:f, s:f, s:i, s:i, s:s, s:s, s:s, s:s, s:f, s:s, s:s}", "length",
                     (int)length, "alphabet", alphabet->name, "pins", attack->pins, "guess_ms",
                     1000 * attack->guess_s, "argon2_memory_kib", (int)cost->memory_kib, "argon2_passes",
                     (int)cost->passes, "thief_of_the_database", "nothing to test a guess on without the HSM",
                     "outsider_in_ten_tries", chance, "insider_core_time", cores, "insider_by_the_clock",
                     clock, "insider_core_hours", attack_core_s(attack) / 3600, "insider_with_device_secret",
                     device, "advice", recommend(attack));
}

static enum cli_exit get_deployment(struct cli *cli, struct stretch_cost *cost, long *ret_least)
{
    Privyseal__V1__GetDeploymentRequest request = PRIVYSEAL__V1__GET_DEPLOYMENT_REQUEST__INIT;
    CLEANUP(free_message) ProtobufCMessage *message = NULL;
    const Privyseal__V1__GetDeploymentResponse *reply;
    struct remote_error error = { 0 };
    enum cli_exit status = connect_remote(cli);
    CK_RV rv;

    if (status != CLI_DONE)
        return status;
    rv = remote_plain(cli->remote, METHOD_GetDeployment, &request.base, &message, &error);
    if (rv != CKR_OK)
        return cli_fail_remote(cli, "asking for the deployment's cost", rv, &error);
    reply = (const Privyseal__V1__GetDeploymentResponse *)message;
    *cost = (struct stretch_cost){ reply->argon2_memory_kib, reply->argon2_passes, reply->argon2_lanes };
    *ret_least = pin_policy_of(reply->pin_policy).min_len;
    return CLI_DONE;
}

enum cli_exit cmd_policy_cost(struct cli *cli)
{
    CLEANUP(json_decref) json_t *object = NULL;
    const struct alphabet *alphabet = NULL;
    struct stretch_cost cost = { 0 };
    struct attack attack = { 0 };
    long length = 0, hsm_rate = 0, cores = 0, least = 0;
    enum cli_exit status = find_alphabet(cli, &alphabet);

    if (status == CLI_DONE)
        status = cli_option_number(cli, "hsm-rate", 0, 0, 100000000, &hsm_rate);
    if (status == CLI_DONE)
        status = cli_option_number(cli, "cores", 100, 1, 100000000, &cores);
    if (status == CLI_DONE)
        status = get_deployment(cli, &cost, &least);
    if (status == CLI_DONE)
        status = cli_option_number(cli, "length", least, 4, 64, &length);
    if (status == CLI_DONE)
        status = measure(cli, &cost, &attack.guess_s);
    if (status != CLI_DONE)
        return status;
    attack.pins = attack_pins((unsigned)length, alphabet->size);
    attack.hsm_rate = (double)hsm_rate;
    attack.cores = (double)cores;
    object = result(&attack, length, alphabet, &cost);
    status = output_object(cli, object);
    output_say(
        cli,
        "\nAn insider has the HSM's login and the database, and %ld cores like this one's. Half of all PINs "
        "are "
        "tried\non average; people's own choices fall much sooner. An outsider has a device and ten tries.",
        cores);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision.h - the only process that may write the master token's directory: `privyseald --provision VERB`.
 *
 * Runs as whoever starts it (root, normally), under a lock in the state directory, one verb, then it exits.
 * Machine-readable results go to standard output as one JSON object, errors to standard error.
 */
#pragma once

#include "proxy/config.h"

/*
 * Runs one verb with the state directory as working directory. Verbs:
 *   init --operator NAME --certificate FILE   HSM token, master keys, schema, directories, the first operator
 *   seal                                      prints the sealing public keys, to be certified
 *   self-test                                 what the HSM refuses and what it lacks
 * Returns an exit status (sysexits.h).
 */
int provision_main(const struct proxy_config *config, int argc, char **argv);

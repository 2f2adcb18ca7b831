/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision.h - the only process that may write the master token's directory: `privyseald --provision VERB`.
 *
 * Runs as whoever starts it (root, normally), under a lock in the state directory, one verb, then it exits.
 * Results go to standard output as one JSON object, errors to standard error.
 */
#pragma once

#include "proxy/config.h"

/*
 * Runs one verb with the state directory as working directory; argv[0] is the verb:
 *   init --operator NAME --certificate FILE   HSM token, master keys, schema, directories, the first operator
 *   ceremony --quorum M --officers FILE,...   HSM token and master keys, wrapped for M of the officers; before init
 *   self-test                                 what the HSM refuses, what it lacks, the sealing public key
 *   epoch-list                                epochs of the master keys, and how many rows need each
 *   epoch-new KIND [--leave-out NAME,...]     the next one of Kd, Kw, Kx or Kseal, in every HSM but those; after a ceremony
 *                                             with --to-sign (prints the manifest for the root) or --without-backup
 *                                             (in the HSM alone)
 *   epoch-destroy KIND EPOCH [--to-sign]      one that no row needs
 *   seal-key                                  the newest sealing key, for its issuer
 * Returns an exit status (sysexits.h).
 */
int provision_main(const struct proxy_config *config, int argc, char **argv);

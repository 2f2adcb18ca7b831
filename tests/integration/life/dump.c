/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump.c - an application whose memory is looked through: dump MODULE TOKEN PIN-FILE MARKER-FILE logs in, wipes its own
 * copy of the PIN, signs, keeps what stands in MARKER-FILE in its memory, and aborts. The core must hold the marker,
 * or the search proves nothing; and must not hold what the module was told or made of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/integration/life/host.h"

#define MARKER_MAX 256

int main(int argc, char **argv)
{
    struct host host = { 0 };
    char *marker = malloc(MARKER_MAX);
    FILE *file = argc == 5 ? fopen(argv[4], "r") : NULL;

    if (!file || !marker)
        return 2;
    setbuf(file, NULL);
    EXPECT(fread(marker, 1, MARKER_MAX, file) > 0, "no marker in %s", argv[4]);
    fclose(file);
    host = (struct host){ .path = argv[1], .token = argv[2], .pin_file = argv[3] };
    host_start(&host);
    host_sign(&host);
    printf("%c\n", marker[0]); /* it is in use, and so in memory */
    fflush(stdout);
    abort();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* partition_serial.c - slot ids before SoftHSM computes them. */
#include "proxy/hsm/partition_serial.h"

#include <string.h>

#define SLOT_DIGITS 8            /* a slot id is made of a serial number's last digits ... */
#define SLOT_MASK   0x7fffffffUL /* ... 31 bits of them */

unsigned long serial_slot(const char *serial)
{
    size_t len = strlen(serial);

    return strtoul(len > SLOT_DIGITS ? serial + len - SLOT_DIGITS : serial, NULL, 16) & SLOT_MASK;
}

bool serial_collides(const char *serial, const struct library_token *tokens, size_t count)
{
    char other[sizeof(tokens->info.serialNumber) + 1];

    for (size_t i = 0; i < count; i++) {
        library_text(tokens[i].info.serialNumber, sizeof(tokens[i].info.serialNumber), other);
        if ((tokens[i].info.flags & CKF_TOKEN_INITIALIZED) && strcmp(other, serial) != 0 &&
            serial_slot(other) == serial_slot(serial))
            return true;
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_serial.h - a partition is found by its serial number; what SoftHSM makes of it is a slot id.
 *
 * The slot id is the low 31 bits of the serial number's last eight digits (SoftHSM 2.6, SlotManager), computed anew at each
 * C_Initialize. Two tokens with one slot id make that call abort the process, every time.
 */
#pragma once

#include "proxy/hsm/library.h"

unsigned long serial_slot(const char *serial);
/* Whether another of the @tokens (initialised, and not @serial itself) has the slot id that @serial will have. */
bool serial_collides(const char *serial, const struct library_token *tokens, size_t count);

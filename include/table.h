/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - walking constant tables. */
#pragma once

#include <stddef.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* for (EACH_ROW(row, table)): @row is a pointer to each element of a static array. */
#define EACH_ROW(row, array)                                                                                 \
    row = (array);                                                                                           \
    row < (array) + ARRAY_SIZE(array);                                                                       \
    row++

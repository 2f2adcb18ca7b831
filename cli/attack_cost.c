/* SPDX-License-Identifier: Apache-2.0 */
/* attack_cost.c - half of all PINs, times what one guess costs. */
#include "cli/attack_cost.h"

double attack_pins(unsigned length, unsigned alphabet)
{
    double pins = 1;

    for (unsigned i = 0; i < length; i++)
        pins *= alphabet;
    return pins;
}

double attack_core_s(const struct attack *attack)
{
    return attack->pins / 2 * attack->guess_s;
}

double attack_clock_s(const struct attack *attack)
{
    double stretching = attack_core_s(attack) / attack->cores;
    double hsm = attack->hsm_rate > 0 ? attack->pins / 2 / attack->hsm_rate : 0;

    return stretching > hsm ? stretching : hsm;
}

double attack_chance(const struct attack *attack, double tries)
{
    return tries < attack->pins ? tries / attack->pins : 1;
}

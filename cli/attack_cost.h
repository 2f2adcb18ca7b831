/* SPDX-License-Identifier: Apache-2.0 */
/* attack_cost.h - how many PINs there are, and how long trying them takes. Plain arithmetic, in doubles. */
#pragma once

struct attack {
    double pins;     /* as many there are: all equally likely, which people's are not */
    double guess_s;  /* one Argon2id on one core */
    double hsm_rate; /* derivations a second that the HSM does; 0: no limit */
    double cores;
};

/* A length and an alphabet of so many characters. */
double attack_pins(unsigned length, unsigned alphabet);
/* Core-seconds until half of all PINs are tried, which is what an attacker needs on average. */
double attack_core_s(const struct attack *attack);
/* And by the clock, with all cores: the slower of stretching and HSM. */
double attack_clock_s(const struct attack *attack);
/* Chance of an outsider with @tries guesses. */
double attack_chance(const struct attack *attack, double tries);

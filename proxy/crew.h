/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crew.h - the supervisor's children: signers, the front, the herald and the exporter, how each is started and what
 * connects them.
 *
 *     supervisor (root: binds sockets, reads the TLS key) --- front    (front_user, jailed, sandboxed)
 *                                                         |-- signers  (signer_user, one by one)
 *                                                         |-- herald   (the user of [notice], if there is one)
 *                                                         \-- exporter (front_user, jailed, if metrics are asked for)
 *
 * Between the front and each signer runs a stream. The supervisor makes it and hands an end to both, over their control
 * sockets; so either may die and come back without the other. All signers share one socket to the herald; the supervisor
 * keeps both ends, so that what is sent while there is no herald waits for the next.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proxy/child.h"
#include "proxy/config.h"
#include "proxy/front/front.h"
#include "proxy/material.h"
#include "proxy/metrics/metrics.h"
#include "proxy/metrics/pulse.h"
#include "proxy/sockets.h"

enum child_kind { CHILD_SIGNER, CHILD_FRONT, CHILD_HERALD, CHILD_EXPORTER };
enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_UP };

struct child {
    struct crew *crew;
    enum child_kind kind;
    char name[24];     /* "front", "signer 0", "herald" */
    unsigned index;    /* of a signer */
    unsigned hsm;      /* of a signer: whose it is */
    bool has_failed;   /* a signer: its last start came to nothing, so maybe its HSM is ill */
    bool is_condemned; /* we have killed it */
    enum child_state state;
    bool is_inherited;    /* a former program's (handover.h): its pulse is not heard */
    pid_t pid;            /* 0: none */
    int control, ready;   /* to it; a signer writes a byte to ready when it serves; -1: none */
    uint64_t started_ms;  /* the present one */
    uint64_t start_at_ms; /* the next one, not before */
    uint64_t back_off_ms;
    struct pulse *pulse;  /* shared with it */
    uint64_t heard_beats; /* of the pulse, when it was last looked at */
    uint64_t silent_ms;   /* since then, as the supervisor lived it: what froze with it is not blamed */
};

struct crew {
    const struct proxy_config *config; /* fixed after start */
    struct sockets sockets;
    struct material material;
    bool has_users; /* we are root: children get users of their own */
    struct identity front_user, signer_user, herald_user;
    int notices[2]; /* the herald reads the first, signers write the second; -1: no herald */
    unsigned signer_count;
    struct child *signers; /* signer_count of them, behind them the front, the herald, the exporter */
    struct child *front;
    struct child former;  /* a front that only answers what it has begun; not among the others, mostly down */
    struct child *herald; /* NULL: none is wanted */
    struct child *exporter;  /* of the metrics; NULL: nobody asks for them */
    struct metrics *metrics; /* shared by all children */
    struct pulse *pulses;    /* one for each child, shared by all */
    uint64_t listened_ms;    /* when crew_listen() was last there */
    uint64_t woke_ms;        /* when it was there after a time in which nobody looked */
    struct child *last;
};

/* All down; sockets and material are the caller's to fill in. Errors: -ENOMEM, -errno. */
MUST_CHECK int crew_init(struct crew *crew, const struct proxy_config *config);
void crew_clear(struct crew *crew); /* closes what is open; the children are gone by then */
#define EACH_CHILD(child, crew)                                                                              \
    child = (crew)->signers;                                                                                 \
    child <= (crew)->last;                                                                                   \
    child++

/* Starts @child, which is down. A front is told everything it needs, except that nothing may come of it. */
MUST_CHECK int crew_start(struct child *child);
/* The byte on a signer's ready pipe has come (or end of file: it will not): it gets its stream to the front. */
void crew_signer_ready(struct child *signer);
/* @child is gone, with @status of waitpid(2): tidies up and says when the next may start. */
void crew_child_gone(struct child *child, int status);

/* One message to the front (front.h), if there is one. A front that does not take it is killed. */
void crew_tell_front(struct crew *crew, enum front_control_kind kind, unsigned index, const int *descriptors,
                     size_t count);
void crew_tell_front_material(struct crew *crew);
/* The next message of the front. Errors: -EPIPE (it has closed its end, or sent nonsense: it is killed). */
MUST_CHECK int crew_hear_front(struct crew *crew, struct front_control *ret);

/* Kills those that have not said for too long that they go on. To be called every PULSE_MS while they serve. */
void crew_listen(struct crew *crew);
/* Another front serves: the former one answers what it has begun, and leaves. */
void crew_drain_former(struct crew *crew);

/* Closes its control socket, which a signer or the herald understands as the order to leave. */
void crew_dismiss(struct child *child);
void crew_kill(struct child *child);
/* Whether somebody else has ended it, by the @status of waitpid(2): no fault of its own, nor of what it found. */
bool crew_was_interrupted(const struct child *child, int status);
struct child *crew_find(struct crew *crew, pid_t pid); /* NULL: none of ours */
bool crew_is_all(const struct crew *crew, enum child_state state);
/*
 * A signer that has been in one call of its HSM's library for longer than any may take never comes back from it, and
 * cannot be asked: it is killed, which brings another.
 */
void crew_kill_hanging(struct crew *crew);

uint64_t crew_now_ms(void);

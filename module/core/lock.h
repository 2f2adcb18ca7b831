/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - mutexes scoped like memory.
 *
 *     LOCKED(&slot->lock);      held to the end of the block, whatever way it is left
 */
#pragma once

#include <pthread.h>

#include "include/cleanup.h"

static inline pthread_mutex_t *lock_acquire(pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    return lock;
}

static inline void lock_release(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
}
DEFINE_CLEANUP(lock_release, pthread_mutex_t *);

#define LOCKED(lock)                                                                                         \
    CLEANUP(lock_release) pthread_mutex_t *held_lock_ __attribute__((unused)) = lock_acquire(lock)

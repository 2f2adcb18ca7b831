/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease_window.c - a ring of the last SEQUENCE_WINDOW numbers, in pages that are made when one of theirs is used.
 *
 * Most leases sign a few times and end: they pay for one page.
 */
#include "proxy/access/lease_window.h"

#include <string.h>

#include "proxy/access/leases.h"

#define PAGE_ENTRIES 64
#define PAGES        (SEQUENCE_WINDOW / PAGE_ENTRIES)
_Static_assert(SEQUENCE_WINDOW % PAGE_ENTRIES == 0, "a window is whole pages");

struct entry {
    uint64_t sequence; /* 0: never used */
    uint8_t request_hash[HASH_LEN];
    struct buffer reply; /* empty: not kept */
    bool is_forgotten;   /* nothing came of it: the same bytes are new once more */
};

struct lease_window {
    struct entry *pages[PAGES];
    uint64_t highest;   /* number used so far */
    uint64_t kept_from; /* no reply is kept below */
    size_t kept_len;    /* of all replies */
};

static bool window_is_behind(const struct lease_window *window, uint64_t sequence)
{
    return window->highest >= SEQUENCE_WINDOW && sequence <= window->highest - SEQUENCE_WINDOW;
}

/* The place of @sequence in the ring, whoever has it now; NULL: its page was never made. */
static struct entry *window_peek(const struct lease_window *window, uint64_t sequence)
{
    size_t at = sequence % SEQUENCE_WINDOW;
    struct entry *page = window->pages[at / PAGE_ENTRIES];

    return page ? &page[at % PAGE_ENTRIES] : NULL;
}

static struct entry *window_make(struct lease_window *window, uint64_t sequence)
{
    struct entry **page = &window->pages[sequence % SEQUENCE_WINDOW / PAGE_ENTRIES];

    if (!*page)
        *page = calloc(PAGE_ENTRIES, sizeof(**page));
    return window_peek(window, sequence);
}

static void window_drop_reply(struct lease_window *window, struct entry *entry)
{
    window->kept_len -= entry->reply.len;
    buffer_clear(&entry->reply);
}

/* Drops replies, the oldest first, until @more bytes fit. */
static void window_make_room(struct lease_window *window, size_t more)
{
    struct entry *entry;

    if (window_is_behind(window, window->kept_from))
        window->kept_from = window->highest - SEQUENCE_WINDOW + 1;
    for (; window->kept_len + more > LEASE_REPLIES_MAX && window->kept_from <= window->highest;
         window->kept_from++) {
        entry = window_peek(window, window->kept_from);
        if (entry && entry->sequence <= window->kept_from) /* less: left behind by a jump ahead */
            window_drop_reply(window, entry);
    }
}

/* A number that was used before. */
static enum reason window_repeat(struct entry *entry, const uint8_t request_hash[HASH_LEN],
                                 const struct buffer **ret_reply)
{
    if (memcmp(entry->request_hash, request_hash, HASH_LEN) != 0 ||
        (entry->reply.len == 0 && !entry->is_forgotten))
        return REASON_REPLAY;
    *ret_reply = entry->is_forgotten ? NULL : &entry->reply;
    entry->is_forgotten = false;
    return REASON_NONE;
}

enum reason lease_window_enter(struct lease *lease, uint64_t sequence, const uint8_t request_hash[HASH_LEN],
                               const struct buffer **ret_reply)
{
    struct lease_window *window = lease->window;
    struct entry *entry;

    if (!window)
        window = lease->window = calloc(1, sizeof(*window));
    if (!window)
        return REASON_INTERNAL;
    if (sequence == 0 || window_is_behind(window, sequence))
        return REASON_REPLAY;
    entry = window_make(window, sequence);
    if (!entry)
        return REASON_INTERNAL;
    if (entry->sequence == sequence)
        return window_repeat(entry, request_hash, ret_reply);

    /* Whoever had the place is behind the window from now on, since @sequence is within it. */
    window_drop_reply(window, entry);
    entry->sequence = sequence;
    entry->is_forgotten = false;
    memcpy(entry->request_hash, request_hash, HASH_LEN);
    if (window->highest < sequence)
        window->highest = sequence;
    *ret_reply = NULL;
    return REASON_NONE;
}

void lease_window_keep(struct lease *lease, uint64_t sequence, struct bytes reply)
{
    struct lease_window *window = lease->window;
    struct entry *entry = window ? window_peek(window, sequence) : NULL;

    if (!entry || entry->sequence != sequence || reply.len == 0 || reply.len > LEASE_REPLIES_MAX)
        return;
    window_drop_reply(window, entry);
    window_make_room(window, reply.len);
    entry->reply.limit = LEASE_REPLIES_MAX;
    buffer_append(&entry->reply, reply);
    if (entry->reply.failed)
        buffer_clear(&entry->reply);
    window->kept_len += entry->reply.len;
    if (window->kept_from > sequence)
        window->kept_from = sequence;
}

void lease_window_forget(struct lease *lease, uint64_t sequence)
{
    struct lease_window *window = lease->window;
    struct entry *entry = window ? window_peek(window, sequence) : NULL;

    if (!entry || entry->sequence != sequence)
        return;
    window_drop_reply(window, entry);
    entry->is_forgotten = true;
}

void lease_window_free(struct lease_window *window)
{
    if (!window)
        return;
    for (size_t page = 0; page < PAGES; page++) {
        for (size_t i = 0; window->pages[page] && i < PAGE_ENTRIES; i++)
            buffer_clear(&window->pages[page][i].reply);
        free(window->pages[page]);
    }
    free(window);
}

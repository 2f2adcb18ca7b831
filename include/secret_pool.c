/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_pool.c - places of two sizes; a bit for each says whether it is taken.
 *
 * The bits stand outside of the pages, which a forked child finds zeroed: what its parent had taken stays taken there.
 */
#include "include/secret_pool.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "include/table.h"

/* AddressSanitizer cannot see a write beyond a place by itself. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define WORD_BITS  64
#define WORDS      2    /* of bits, for each size */
#define SMALL      256  /* keys, stretched PINs, sealed requests */
#define LARGE      1024 /* messages with a digest, a certificate's fields */
#define POOL_BYTES ((size_t)WORDS * WORD_BITS * (SMALL + LARGE))

struct place_class {
    size_t size, offset;
    atomic_uint_fast64_t taken[WORDS];
};

static struct place_class classes[] = {
    { .size = SMALL, .offset = 0 },
    { .size = LARGE, .offset = (size_t)WORDS * WORD_BITS * SMALL },
};

static _Atomic(uint8_t *) pool; /* NULL: not mapped yet */

/* As far as RLIMIT_MEMLOCK goes: a host that allows little still has to work. */
static void lock_pages(uint8_t *pages, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), locked = 0;

    if (mlock(pages, size) == 0)
        return;
    while (locked < size && mlock(pages + locked, page) == 0)
        locked += page;
}

int secret_map_pages(size_t size, uint8_t **ret)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return -ENOMEM;
    /* A kernel that cannot keep pages out of dumps is one we do not put secrets into. */
    if (madvise(pages, size, MADV_DONTDUMP) < 0) {
        int r = -errno;

        munmap(pages, size);
        return r;
    }
    lock_pages(pages, size);
    (void)madvise(pages, size, MADV_WIPEONFORK); /* old kernels lack it */
    *ret = pages;
    return 0;
}

/* Two that come first at once: one of them maps in vain. */
static uint8_t *pool_pages(void)
{
    uint8_t *pages = atomic_load(&pool), *fresh = NULL;

    if (pages || secret_map_pages(POOL_BYTES, &fresh) < 0)
        return pages;
    if (atomic_compare_exchange_strong(&pool, &pages, fresh)) {
        ASAN_POISON_MEMORY_REGION(fresh, POOL_BYTES);
        return fresh;
    }
    munmap(fresh, POOL_BYTES);
    return pages;
}

/* The number of a place that was free and is ours now; -1: none was. */
static int claim(struct place_class *class)
{
    for (int word = 0; word < WORDS; word++) {
        uint_fast64_t taken = atomic_load(&class->taken[word]);

        while (~taken) {
            int bit = __builtin_ctzll(~taken);

            if (atomic_compare_exchange_weak(&class->taken[word], &taken, taken | UINT64_C(1) << bit))
                return word * WORD_BITS + bit;
        }
    }
    return -1;
}

uint8_t *secret_pool_take(size_t len, size_t *ret_capacity)
{
    uint8_t *pages = len <= LARGE ? pool_pages() : NULL;

    for (size_t i = 0; pages && i < ARRAY_SIZE(classes); i++) {
        int number = len <= classes[i].size ? claim(&classes[i]) : -1;
        uint8_t *place;

        if (number < 0)
            continue;
        place = pages + classes[i].offset + (size_t)number * classes[i].size;
        ASAN_UNPOISON_MEMORY_REGION(place, classes[i].size);
        *ret_capacity = classes[i].size;
        return place;
    }
    return NULL;
}

bool secret_pool_give(uint8_t *place)
{
    const uint8_t *pages = atomic_load(&pool);
    struct place_class *class;
    size_t offset, number;

    if (!pages || place < pages || place >= pages + POOL_BYTES)
        return false;
    offset = (size_t)(place - pages);
    class = offset < classes[1].offset ? &classes[0] : &classes[1];
    number = (offset - class->offset) / class->size;
    ASAN_UNPOISON_MEMORY_REGION(place, class->size);
    OPENSSL_cleanse(place, class->size);
    ASAN_POISON_MEMORY_REGION(place, class->size);
    atomic_fetch_and(&class->taken[number / WORD_BITS], ~(UINT64_C(1) << number % WORD_BITS));
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - a harness as an ordinary test: main CORPUS MUTATIONS runs every seed, then so many mutations.
 *
 * The mutations are the same in every run, so a failure can be repeated: the input that was running when the
 * program died is left in the file that it names first.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "include/table.h"
#include "tests/fuzz/fuzz.h"

#define SEEDS_MAX 256
#define INPUT_MAX 8192
#define STEPS_MAX 6 /* changes to one seed before it runs */

struct input {
    uint8_t data[INPUT_MAX];
    size_t len;
};

static struct input seeds[SEEDS_MAX];
static size_t seed_count;

/* -------------------------------------------------------------------------------------------------- seeds */

static bool load_seed(int directory, const char *name)
{
    struct input *seed = &seeds[seed_count];
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t len = file < 0 ? -1 : read(file, seed->data, sizeof(seed->data));

    if (file >= 0)
        close(file);
    if (len < 0)
        return false;
    seed->len = (size_t)len;
    seed_count++;
    return true;
}

static bool load_seeds(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool is_good = directory != NULL;

    while (is_good && seed_count < SEEDS_MAX && (entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            is_good = load_seed(dirfd(directory), entry->d_name);
    if (directory)
        closedir(directory);
    return is_good && seed_count > 0;
}

/* The order of a directory is the file system's: sorted, the mutations are the same everywhere. */
static int compare_inputs(const void *a, const void *b)
{
    const struct input *left = a, *right = b;

    if (left->len != right->len)
        return left->len < right->len ? -1 : 1;
    return memcmp(left->data, right->data, left->len);
}

/* ---------------------------------------------------------------------------------------------- mutations */

/* xorshift64*: nobody needs better here. Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t random_state = 0x9e3779b97f4a7c15;

static size_t pick(size_t below)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return below ? (size_t)((random_state * 0x2545f4914f6cdd1d) >> 33) % below : 0;
}

static void flip_bit(struct input *input)
{
    if (input->len)
        input->data[pick(input->len)] ^= (uint8_t)(1 << pick(8));
}

static void set_byte(struct input *input)
{
    static const uint8_t interesting[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a,
                                           0x12, 0x30, 0x04, '"',  '\\', '\n' };

    if (input->len)
        input->data[pick(input->len)] = interesting[pick(sizeof(interesting))];
}

static void cut(struct input *input)
{
    input->len = pick(input->len + 1);
}

static void remove_run(struct input *input)
{
    size_t at = pick(input->len), len = pick(input->len - at + 1);

    memmove(input->data + at, input->data + at + len, input->len - at - len);
    input->len -= len;
}

/* A run of some seed, put in anywhere: repeats fields, and grows lengths beyond what they say. */
static void insert_run(struct input *input)
{
    const struct input *from = &seeds[pick(seed_count)];
    size_t start = pick(from->len), len = pick(from->len - start + 1), at = pick(input->len + 1);

    if (len > INPUT_MAX - input->len)
        return;
    memmove(input->data + at + len, input->data + at, input->len - at);
    memcpy(input->data + at, from->data + start, len);
    input->len += len;
}

static void (*const mutations[])(struct input *) = {
    flip_bit, flip_bit, set_byte, cut, remove_run, insert_run
};

static void mutate(struct input *input)
{
    *input = seeds[pick(seed_count)];
    for (size_t steps = 1 + pick(STEPS_MAX); steps; steps--)
        mutations[pick(ARRAY_SIZE(mutations))](input);
}

/* ------------------------------------------------------------------------------------------------ running */

/* @kept: the file that holds the input that runs. */
static void run(int kept, const struct input *input)
{
    /* Of exactly its size, so that the address sanitizer sees the first byte too far. */
    uint8_t *copy = malloc(input->len ? input->len : 1);

    if (!copy || ftruncate(kept, 0) < 0 || pwrite(kept, input->data, input->len, 0) != (ssize_t)input->len)
        abort();
    memcpy(copy, input->data, input->len);
    LLVMFuzzerTestOneInput(copy, input->len);
    free(copy);
}

int main(int argc, char **argv)
{
    static struct input mutated;
    char path[] = "/tmp/fuzz-input.XXXXXX";
    int kept = mkstemp(path);

    if (argc != 3 || kept < 0 || !load_seeds(argv[1])) {
        printf("Bail out! usage: %s CORPUS MUTATIONS\n", argv[0]);
        unlink(path);
        return EXIT_FAILURE;
    }
    qsort(seeds, seed_count, sizeof(seeds[0]), compare_inputs);
    printf("# if it dies, its input is in %s\n1..2\n", path);
    fflush(stdout);
    for (size_t i = 0; i < seed_count; i++)
        run(kept, &seeds[i]);
    printf("ok 1 - %zu seeds\n", seed_count);
    fflush(stdout);
    for (long left = atol(argv[2]); left > 0; left--) {
        mutate(&mutated);
        run(kept, &mutated);
    }
    printf("ok 2 - %s mutations\n", argv[2]);
    close(kept);
    unlink(path);
    return EXIT_SUCCESS;
}

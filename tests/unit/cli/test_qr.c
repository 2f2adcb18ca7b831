/* SPDX-License-Identifier: Apache-2.0 */
/* test_qr.c - a printed QR code is one that a reader reads: its blocks become a picture for zbarimg(1). */
#include "cli/qr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/table.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define URI   "otpauth://totp/test:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=test"
#define PIXEL 4 /* to a module */

static struct scratch scratch;

static void setup(void)
{
    scratch_make(&scratch);
}

static void teardown(void)
{
    scratch_remove(&scratch);
}

/* What each half block lights: bit 0 the upper module, bit 1 the lower one. */
static int lights_of(const char **at)
{
    static const struct {
        const char *text;
        int lights;
    } kinds[] = { { " ", 0 }, { "\u2580", 1 }, { "\u2584", 2 }, { "\u2588", 3 } };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strncmp(*at, kinds[i].text, strlen(kinds[i].text)) == 0) {
            *at += strlen(kinds[i].text);
            return kinds[i].lights;
        }
    ck_abort_msg("a character that is no block: %s", *at);
}

/* One line of text becomes 2 * PIXEL lines of a plain PBM, where 1 is black. */
static int draw_line(FILE *picture, const char *line, int half)
{
    int width = 0;

    while (*line && *line != '\n') {
        int lights = lights_of(&line);

        width++;
        for (int i = 0; i < PIXEL; i++)
            fputs(lights & (half ? 2 : 1) ? "0 " : "1 ", picture);
    }
    fputc('\n', picture);
    return width;
}

static void draw(const char *text, const char *path)
{
    FILE *picture = fopen(path, "w");
    int lines = 0, width = 0;

    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    for (const char *at = text; *at != '\n'; width++)
        (void)lights_of(&at);
    fprintf(picture, "P1\n%d %d\n", width * PIXEL, lines * 2 * PIXEL);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        for (int i = 0; i < 2 * PIXEL; i++)
            ck_assert_int_eq(draw_line(picture, line, i >= PIXEL), width);
    fclose(picture);
}

START_TEST(printed_code_reads_as_what_it_was_made_of)
{
    char command[512], *text = NULL, read[256] = "";
    size_t size;
    FILE *out = open_memstream(&text, &size), *reader;

    ck_assert_int_eq(qr_print(out, URI), 0);
    fclose(out);
    draw(text, scratch_path(&scratch, "code.pbm"));
    free(text);
    snprintf(command, sizeof(command), "zbarimg --quiet --raw %s", scratch_path(&scratch, "code.pbm"));
    reader = popen(command, "r");
    ck_assert_ptr_nonnull(fgets(read, sizeof(read), reader));
    ck_assert_int_eq(pclose(reader), 0);
    read[strcspn(read, "\n")] = '\0';
    ck_assert_str_eq(read, URI);
}
END_TEST

START_TEST(more_text_than_a_code_takes_is_refused)
{
    char text[4000];
    FILE *out = fopen("/dev/null", "w");

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_int_eq(qr_print(out, text), -ENOSPC);
    fclose(out);
}
END_TEST

SUITE_WITH_FIXTURE("qr", setup, teardown, printed_code_reads_as_what_it_was_made_of,
                   more_text_than_a_code_takes_is_refused);

/* SPDX-License-Identifier: Apache-2.0 */
/* qr.c - libqrencode makes the modules, two rows of them become one line of text. */
#include "cli/qr.h"

#include <errno.h>
#include <qrencode.h>
#include <stdbool.h>
#include <unistd.h>

#include "include/secret.h"

#define QUIET 4 /* light modules all around. ISO/IEC 18004 6.3.8 (Quiet zone) */

/* White on black: the blocks are the light modules. ECMA-48 8.3.117 (SGR) */
#define COLOURS     "\033[97;40m"
#define COLOURS_END "\033[0m"

static const char *const blocks[2][2] = { /* by upper and lower module: is it light? */
                                          { " ", "\u2584" },
                                          { "\u2580", "\u2588" }
};

static bool is_light(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return true;
    return !(code->data[y * code->width + x] & 1); /* qrencode.h: the lowest bit is 1 for black */
}

static void print_lines(FILE *out, const QRcode *code)
{
    bool has_colours = isatty(fileno(out)) == 1;

    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        fputs(has_colours ? COLOURS : "", out);
        for (int x = -QUIET; x < code->width + QUIET; x++)
            fputs(blocks[is_light(code, x, y)][is_light(code, x, y + 1)], out);
        fputs(has_colours ? COLOURS_END "\n" : "\n", out);
    }
}

int qr_print(FILE *out, const char *text)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);

    if (!code)
        return errno == ERANGE ? -ENOSPC : -ENOMEM;
    print_lines(out, code);
    secret_wipe(code->data, (size_t)code->width * (size_t)code->width);
    QRcode_free(code);
    return 0;
}

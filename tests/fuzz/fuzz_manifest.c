/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_manifest.c - a manifest of master keys before its signature is checked. */
#include "proto/manifest.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL), *written;
    struct manifest manifest = { 0 }, again = { 0 };

    if (object && manifest_of_json(object, &manifest) == 0) {
        written = manifest_to_json(&manifest);
        fuzz_require(written && manifest_of_json(written, &again) == 0 && again.count == manifest.count);
        json_decref(written);
    }
    manifest_clear(&manifest);
    manifest_clear(&again);
    json_decref(object);
    return 0;
}

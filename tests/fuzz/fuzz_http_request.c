/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http_request.c - what a stranger sends to the plain HTTP listener, line by line until it is refused or whole. */
#include "proxy/front/http_request.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_request request;
    const char *refusal = NULL;
    char *text = strndup((const char *)data, size), *rest = text, *line;
    uint8_t der[HTTP_DER_MAX];
    size_t len = 0;

    memset(&request, 0, sizeof(request));
    while (!refusal && !request.is_headed && (line = strsep(&rest, "\n")))
        refusal = http_request_line(&request, line);
    if (refusal)
        fuzz_require(refusal[0] == '4' && refusal[3] == ' ');
    else if (request.is_headed)
        fuzz_require(request.resource && request.body_len <= HTTP_OCSP_MAX &&
                     (!request.is_post || request.body_len));
    if (request.resource && http_request_path_der(&request, der, &len) == 0)
        fuzz_require(len > 0 && len <= sizeof(der));
    free(text);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* request_id.c - random bytes, in hexadecimal. */
#include "proxy/front/request_id.h"

#include <errno.h>
#include <openssl/rand.h>

#include "include/bytes.h"

int request_id_make(struct request_ids *ids, char ret[REQUEST_ID_LEN + 1])
{
    if (!ids->left) {
        if (RAND_bytes(ids->random[0], sizeof(ids->random)) != 1)
            return -EIO;
        ids->left = REQUEST_IDS_AT_ONCE;
    }
    ids->left--;
    hex_encode(BYTES_OF_ARRAY(ids->random[ids->left]), ret);
    return 0;
}

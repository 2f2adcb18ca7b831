/* SPDX-License-Identifier: Apache-2.0 */
/* spki.c - as little DER as a public key needs. What was read is written again and compared, which makes it strict. */
#include "proto/spki.h"

#include "include/table.h"
#include "proto/der.h"

#define OID_MAX 9

/* How an AlgorithmIdentifier says what kind of key follows. */
static const struct algorithm {
    CK_KEY_TYPE type;
    size_t oid_len;
    uint8_t oid[OID_MAX]; /* without its tag */
} algorithms[] = {
    { CKK_RSA, 9, { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 } }, /* RFC 3279 2.3.1 */
    { CKK_EC, 7, { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 } },              /* RFC 5480 2.1.1 */
    { CKK_EC_EDWARDS, 3, { 0x2b, 0x65, 0x70 } },                              /* RFC 8410 3 */
};

static const uint8_t der_null[] = { 0x05, 0x00 };

static struct bytes oid_of(const struct algorithm *algorithm)
{
    return BYTES(algorithm->oid, algorithm->oid_len);
}

/* -------------------------------------------------------------------------------------------------- writing */

static void append_algorithm(const struct spki *spki, const struct algorithm *row, struct buffer *ret)
{
    CLEANUP(buffer_clear) struct buffer identifier = { 0 };

    der_append(&identifier, DER_OID, oid_of(row));
    if (row->type == CKK_RSA)
        buffer_append(&identifier, BYTES_OF_ARRAY(der_null));
    else if (row->type == CKK_EC)
        buffer_append(&identifier, spki->params);
    der_append(ret, DER_SEQUENCE, buffer_bytes(&identifier));
    ret->failed |= identifier.failed;
}

/* RSAPublicKey, or a point as it is. */
static void append_key(const struct spki *spki, struct buffer *ret)
{
    CLEANUP(buffer_clear) struct buffer numbers = { 0 };

    if (spki->type != CKK_RSA) {
        buffer_append(ret, spki->point);
        return;
    }
    der_append_number(&numbers, spki->modulus);
    der_append_number(&numbers, spki->exponent);
    der_append(ret, DER_SEQUENCE, buffer_bytes(&numbers));
    ret->failed |= numbers.failed;
}

void spki_write(const struct spki *spki, struct buffer *ret)
{
    CLEANUP(buffer_clear) struct buffer content = { 0 }, key = { 0 };
    const struct algorithm *row;

    for (EACH_ROW(row, algorithms))
        if (row->type == spki->type)
            append_algorithm(spki, row, &content);
    buffer_append_u8(&key, 0); /* no unused bits at the end */
    append_key(spki, &key);
    der_append(&content, DER_BIT_STRING, buffer_bytes(&key));
    der_append(ret, DER_SEQUENCE, buffer_bytes(&content));
    ret->failed |= content.failed || key.failed;
}

/* -------------------------------------------------------------------------------------------------- reading */

static struct bytes take_number(struct reader *reader)
{
    struct bytes number = der_take(reader, DER_INTEGER);

    while (number.len && number.data[0] == 0)
        number = BYTES(number.data + 1, number.len - 1);
    return number;
}

static const struct algorithm *algorithm_of(struct bytes oid)
{
    const struct algorithm *row;

    for (EACH_ROW(row, algorithms))
        if (bytes_equal(oid_of(row), oid))
            return row;
    return NULL;
}

/* Without the byte that counts unused bits. */
static struct bytes take_bits(struct reader *reader)
{
    struct bytes bits = der_take(reader, DER_BIT_STRING);

    reader->failed |= bits.len < 2;
    return reader->failed ? BYTES_NONE : BYTES(bits.data + 1, bits.len - 1);
}

static bool take_key(const struct algorithm *row, struct bytes identifier, struct bytes rest,
                     struct bytes key, struct spki *ret)
{
    struct reader numbers;

    ret->type = row->type;
    if (row->type != CKK_RSA) {
        ret->params = row->type == CKK_EC ? rest : identifier; /* Ed25519's own OID names its curve as well */
        ret->point = key;
        return true;
    }
    numbers = reader_of(key);
    numbers = reader_of(der_take(&numbers, DER_SEQUENCE));
    ret->modulus = take_number(&numbers);
    ret->exponent = take_number(&numbers);
    return !numbers.failed;
}

CK_RV spki_read(struct bytes der, struct spki *ret)
{
    CLEANUP(buffer_clear) struct buffer again = { 0 };
    struct reader whole = reader_of(der), content = reader_of(der_take(&whole, DER_SEQUENCE));
    struct bytes identifier = der_take(&content, DER_SEQUENCE), key = take_bits(&content);
    struct reader parameters = reader_of(identifier);
    const struct algorithm *row = algorithm_of(der_take(&parameters, DER_OID));
    struct spki spki = { 0 };

    if (!reader_done(&whole) || !reader_done(&content) || parameters.failed)
        return CKR_DATA_INVALID;
    if (!row)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!take_key(row, identifier, parameters.rest, key, &spki))
        return CKR_DATA_INVALID;
    spki_write(&spki, &again);
    if (again.failed)
        return CKR_HOST_MEMORY;
    if (!bytes_equal(buffer_bytes(&again), der))
        return CKR_DATA_INVALID;
    *ret = spki;
    return CKR_OK;
}

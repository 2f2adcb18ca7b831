/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HPKE test vector: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; encryption 0 and all exports.
 *
 * RFC 9180's appendix lacks this suite; the vector is from the set that the RFC's authors publish beside it,
 * draft-irtf-cfrg-hpke test-vectors.json at 779d028 (draft 08, whose "HPKE-v1" is the RFC's), as Debian's
 * golang-github-cloudflare-circl-dev 1.3.1-2 has it in hpke/testdata/vectors_v08_779d028.json.
 */
#pragma once

static const struct {
    const char *info, *ikm_r, *ikm_e, *sk_r, *pk_r, *enc;
    const char *exporter_secret;
    const char *aad, *plaintext, *ciphertext;
    struct {
        const char *context, *value;
    } exports[3];
} hpke_vector = {
    .info = "4f6465206f6e2061204772656369616e2055726e",
    .ikm_r = "d5b09b6a5e44852d7d5de180b6cd07a1cda48cdc561015134458ea3fbea35ec5",
    .ikm_e = "dfd175121e21c253a93df7fab2b69fb20112320188532abb11f2ff74efc5c724",
    .sk_r = "4f8282f1b30e39a5d7f3fcccf73d8044a09d89ac168c1929f179e2e93e20b8ae",
    .pk_r = "ac66bae9ffa270cf4a89ed9f274e30c0456babae2572aaaf002ff0d8884ab018",
    .enc = "8e806d41aecfcece96a6b47f1e488a3ac6e48090d9b634355c705dd34311d900",
    .exporter_secret = "645487c1f4008c3ef3341576aa1011fc9c69cdccf7f9f4f3e0fc8c2307d58a5f",
    .aad = "436f756e742d30",
    .plaintext = "4265617574792069732074727574682c20747275746820626561757479",
    .ciphertext = "23ded2d5d90ea89d975dac4792b297240f194952d7421aacbff0474100052b6bb8aa58d18ef6c42b6960e2e28f",
    .exports = {
        { "",
          "4b4f5f25bcb113003e18472ffd5902f93b8b4848801319a525147b47e03f6aff" },
        { "00",
          "d95abb928a78415ff0a2c985d54feb17b03f4259190eb90f43d166c7b147ee3f" },
        { "54657374436f6e74657874",
          "b7cacb2b2e923ad7840d4900dcec3f5d1fbb2f3768f137ab539a3259e7a6cb04" },
    },
};

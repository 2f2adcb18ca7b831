/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stub_signer.h - plays a signer on a stream: answers what the request tells it to.
 *
 *     ListTokens     one token: "signer N"
 *     GetToken       the name of the token is an order:
 *                      "echo"     the answer's salt is the certificate hash the front reported
 *                      "request"  the answer's salt is the request id
 *                      "slow"     answers after 300 ms
 *                      "hang"     never answers this one, but the next
 *                      "die"      exits without an answer
 *                      "die once" exits without an answer, unless it is signer 1
 *                      "fail"     PIN_LOCKED, with a Failure
 *                      "big"      an answer of reply_max bytes; "too big": one byte more
 *                      "move"     asks to be rerouted to signer 1; "move on": always to the next one
 *                      "leave"    says goodbye, answers what was sent after 300 ms, and ends
 *                      "nonsense" sends what is no reply
 *     Sign           the answer's ciphertext is "signer N"
 *     GenerateKey    exits without an answer
 */
#pragma once

/* Serves until the stream ends. */
void stub_signer(int stream, unsigned index, unsigned signers);

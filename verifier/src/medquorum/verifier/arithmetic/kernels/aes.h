/* SPDX-License-Identifier: Apache-2.0 */
/* AES by the processor's own rounds: four blocks in a register with VAES, one without. */
#ifndef MEDQUORUM_AES_H
#define MEDQUORUM_AES_H

#include "kernels.h"

#ifdef __VAES__
typedef __m512i round_key;
static inline round_key spread_key(__m128i key) { return _mm512_broadcast_i32x4(key); }
#else
typedef __m128i round_key;
static inline round_key spread_key(__m128i key) { return key; }
#endif

/* One round key from the one of the same kind before it, and what the assisting instruction made of the last one. */
static inline __m128i next_key(__m128i key, __m128i mixed)
{
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, mixed);
}

/* AES of the four blocks in each vector, of an even number of vectors, with so many round keys. */
static inline __attribute__((always_inline)) void encrypt(const round_key *keys, int rounds, words *blocks, int count)
{
#ifdef __VAES__
    for (int i = 0; i < count; i++) blocks[i] = (words)_mm512_xor_si512((__m512i)blocks[i], keys[0]);
    for (int r = 1; r < rounds - 1; r++)
        for (int i = 0; i < count; i++) blocks[i] = (words)_mm512_aesenc_epi128((__m512i)blocks[i], keys[r]);
    for (int i = 0; i < count; i++) blocks[i] = (words)_mm512_aesenclast_epi128((__m512i)blocks[i], keys[rounds - 1]);
#else
    __m128i *single = (__m128i *)blocks;
    for (int first = 0; first < 4 * count; first += 8) {
        __m128i part[8];
        for (int i = 0; i < 8; i++) part[i] = _mm_xor_si128(single[first + i], keys[0]);
        for (int r = 1; r < rounds - 1; r++)
            for (int i = 0; i < 8; i++) part[i] = _mm_aesenc_si128(part[i], keys[r]);
        for (int i = 0; i < 8; i++) single[first + i] = _mm_aesenclast_si128(part[i], keys[rounds - 1]);
    }
#endif
}

#endif

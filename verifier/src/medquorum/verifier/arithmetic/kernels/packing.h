/* SPDX-License-Identifier: Apache-2.0 */
/* The low bytes of eight words, side by side: one permutation of bytes with AVX-512 VBMI. */
#ifndef MEDQUORUM_PACKING_H
#define MEDQUORUM_PACKING_H

#include "kernels.h"

#ifdef __AVX512VBMI__

/* Where each byte comes from, and which there are: of the packed bytes, and of the words. */
typedef struct {
    __m512i packed, spread;
    __mmask64 bytes, low;
} packing;

static inline packing packing_of(int64_t width)
{
    uint8_t packed[64] __attribute__((aligned(64))) = {0}, spread[64] __attribute__((aligned(64))) = {0};
    packing result = {.bytes = ~(__mmask64)0 >> (64 - 8 * width), .low = 0};
    for (int64_t i = 0; i < 8; i++)
        for (int64_t j = 0; j < width; j++) {
            packed[i * width + j] = (uint8_t)(8 * i + j);
            spread[8 * i + j] = (uint8_t)(i * width + j);
            result.low |= (__mmask64)1 << (8 * i + j);
        }
    result.packed = _mm512_load_si512(packed);
    result.spread = _mm512_load_si512(spread);
    return result;
}

static inline void store_low(uint8_t *to, words value, packing all)
{
    _mm512_mask_storeu_epi8(to, all.bytes, _mm512_permutexvar_epi8(all.packed, (__m512i)value));
}

static inline words load_low(const uint8_t *from, packing all)
{
    return (words)_mm512_maskz_permutexvar_epi8(all.low, all.spread, _mm512_maskz_loadu_epi8(all.bytes, from));
}

#endif
#endif

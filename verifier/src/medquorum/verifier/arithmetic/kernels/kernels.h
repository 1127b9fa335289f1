/* SPDX-License-Identifier: Apache-2.0 */
/* What all kernels share. Arrays are C-contiguous; words are 64 bits and arithmetic wraps modulo 2^64. */
#ifndef MEDQUORUM_KERNELS_H
#define MEDQUORUM_KERNELS_H

#include <immintrin.h>
#include <stdint.h>

typedef uint64_t word;
/* A word at any byte. */
typedef word byte_word __attribute__((aligned(1), may_alias));
/* Eight words side by side: one register with AVX-512, two with AVX2. */
typedef word words __attribute__((vector_size(64)));
typedef words words_anywhere __attribute__((aligned(8)));

static inline words load(const word *from) { return *(const words_anywhere *)from; }
static inline void store(word *to, words value) { *(words_anywhere *)to = value; }
static inline words every(word value) { return (words){0} + value; }

/* Some of eight words; the others are 0, or not stored. */
static inline words load_some(const word *from, int64_t count)
{
    if (count >= 8) return load(from);
    words result = {0};
    for (int64_t i = 0; i < count; i++) result[i] = from[i];
    return result;
}

static inline void store_some(word *to, words value, int64_t count)
{
    if (count >= 8) store(to, value);
    else
        for (int64_t i = 0; i < count; i++) to[i] = value[i];
}

/* Of subsets.c. */
void subset_sums(const word *values, const word *coins, word *sums, int64_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What all kernels share. Arrays are C-contiguous; words are 64 bits and arithmetic wraps modulo 2^64. */
#ifndef MEDQUORUM_KERNELS_H
#define MEDQUORUM_KERNELS_H

#include <immintrin.h>
#include <stdint.h>

typedef uint64_t word;
/* Eight words side by side: one register with AVX-512, two with AVX2. */
typedef word words __attribute__((vector_size(64)));
typedef words words_anywhere __attribute__((aligned(8)));

static inline words load(const word *from) { return *(const words_anywhere *)from; }
static inline void store(word *to, words value) { *(words_anywhere *)to = value; }
static inline words every(word value) { return (words){0} + value; }

#endif

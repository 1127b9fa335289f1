/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over 64 subsets, and RANGE's quotients, as arithmetic/subsets.py has them.

   Four numbers have four coins: subset j takes in number i of them iff bit i of half-byte j is set, the halves being all
   low ones of the 32 bytes and then all high ones. So a half-byte's value is a place in a table of the 16 sums. */
#include "kernels.h"

/* Adds to ``sums``; there are as many coins as numbers, up to a multiple of four. */
void subset_sums(const word *values, const word *coins, word *sums, int64_t n)
{
    words totals[8];
    for (int q = 0; q < 8; q++) totals[q] = load(sums + 8 * q);
    for (int64_t i = 0; i < n; i += 4) {
        words four = load_some(values + i, n - i < 4 ? n - i : 4);
        const words take[3] = {{0, -1, 0, -1, 0, -1, 0, -1}, {0, 0, -1, -1, 0, 0, -1, -1}, {0, 0, 0, 0, -1, -1, -1, -1}};
        words low = (every(four[0]) & take[0]) + (every(four[1]) & take[1]) + (every(four[2]) & take[2]);
        words high = low + every(four[3]);
        for (int q = 0; q < 4; q++) {
#ifdef __AVX512F__
            __m512i place = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128((long long)coins[i + q]));
            totals[q] += (words)_mm512_permutex2var_epi64((__m512i)low, place, (__m512i)high);
            place = _mm512_srli_epi64(place, 4);
            totals[q + 4] += (words)_mm512_permutex2var_epi64((__m512i)low, place, (__m512i)high);
#else
            word table[16]; /* coins are known to all three */
            store(table, low);
            store(table + 8, high);
            for (int j = 0; j < 8; j++) {
                word byte = coins[i + q] >> 8 * j & 255;
                totals[q][j] += table[byte & 15];
                totals[q + 4][j] += table[byte >> 4];
            }
#endif
        }
    }
    for (int q = 0; q < 8; q++) store(sums + 8 * q, totals[q]);
}

/* Shares of 2^bits times a quotient in the place of those of its dealt bit; ``opened`` is null at P1. */
void quotients(word *shares, const word *borrows, const word *opened, int64_t n, int64_t bits)
{
    for (int64_t i = 0; i < n; i++) {
        word bit = borrows[i];
        word found = ((shares[i] ^ (bit - 1)) - (bit - 1)) << bits; /* the share, or its negative where the bit is 0 */
        shares[i] = opened ? found - (bit << bits) + (opened[i] & -((word)1 << bits)) : found;
    }
}

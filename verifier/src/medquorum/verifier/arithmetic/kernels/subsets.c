/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over 64 subsets, as verifier/subsets.py has them: bit j of a number's coin says whether sum j takes it in. */
#include "kernels.h"

void subset_sums(const word *values, const word *coins, word *sums, int64_t n)
{
    words totals[8] = {{0}};
    for (int64_t i = 0; i < n; i++) {
        word coin = coins[i];
#ifdef __AVX512F__
        __m512i value = _mm512_set1_epi64((long long)values[i]);
        for (int q = 0; q < 8; q++)
            totals[q] = (words)_mm512_mask_add_epi64((__m512i)totals[q], (__mmask8)(coin >> 8 * q),
                                                       (__m512i)totals[q], value);
#else
        const words places = {0, 1, 2, 3, 4, 5, 6, 7};
        for (int q = 0; q < 8; q++)
            totals[q] += every(values[i]) & -(every(coin >> 8 * q) >> places & every(1));
#endif
    }
    for (int q = 0; q < 8; q++) store(sums + 8 * q, totals[q]);
}

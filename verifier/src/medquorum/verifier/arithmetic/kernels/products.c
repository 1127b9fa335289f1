/* SPDX-License-Identifier: Apache-2.0 */
/* Integer matrix products whose left rows are gathered from an image: convolutions without a matrix of windows.

   out[r, j] = sum over taps t and channels c of values[rows[r] + taps[t] + c] * weights(panels[t] + c, j)

   Weights lie in panels of 32 columns: (ceil(columns / 32), depth, 32), missing columns 0. Modulo 2^52, by the 52-bit
   multiply-add of AVX-512 IFMA, which adds the low 52 bits of each product; without it torch's product is faster. */
#include "kernels.h"

#ifdef __AVX512IFMA__

#define PANEL 32
#define ROWS 6
#define DEPTH 256 /* weights of about this depth stay in the nearest cache */

typedef struct {
    const word *values, *weights;
    const int64_t *taps, *panels;
    int64_t count, channels;
} stretch;

static inline __attribute__((always_inline)) words add_product(words sum, words left, words right)
{
    return (words)_mm512_madd52lo_epu64((__m512i)sum, (__m512i)left, (__m512i)right);
}

/* Some rows times one panel, over a stretch of taps. */
static inline __attribute__((always_inline)) void block(
    word *const *out, const int64_t *rows, int height, int64_t columns, int fresh, const stretch *s)
{
    words sums[ROWS][PANEL / 8] = {{{0}}};
    for (int64_t t = 0; t < s->count; t++) {
        const word *right = s->weights + s->panels[t] * PANEL;
        const word *left[ROWS];
        for (int r = 0; r < height; r++) left[r] = s->values + rows[r] + s->taps[t];
        for (int64_t c = 0; c < s->channels; c++, right += PANEL) {
            words part[PANEL / 8];
            for (int q = 0; q < PANEL / 8; q++) part[q] = load(right + 8 * q);
            for (int r = 0; r < height; r++) {
                words value = every(left[r][c]);
                __asm__("" : "+v"(value)); /* one at a time: with all rows' values there are too few registers */
                for (int q = 0; q < PANEL / 8; q++) sums[r][q] = add_product(sums[r][q], value, part[q]);
            }
        }
    }
    for (int r = 0; r < height; r++)
        for (int q = 0; q < PANEL / 8; q++) {
            /* Masked, not place by place: else the compiler keeps the sums in memory, at half the speed. */
            int64_t left = columns - 8 * q;
            __mmask8 there = left >= 8 ? 0xff : left <= 0 ? 0 : (__mmask8)((1 << left) - 1);
            __m512i sum = (__m512i)sums[r][q];
            word *to = out[r] + 8 * q;
            if (!fresh) sum = _mm512_add_epi64(sum, _mm512_maskz_loadu_epi64(there, to));
            _mm512_mask_storeu_epi64(to, there, sum);
        }
}

void products(
    word *out, const int64_t *targets, const word *values, const int64_t *rows, int64_t height, const int64_t *taps,
    const int64_t *panels, int64_t count, int64_t channels, const word *weights, int64_t depth, int64_t columns)
{
    int64_t step = channels < DEPTH ? DEPTH / channels : 1;
    for (int64_t column = 0; column < columns; column += PANEL, weights += depth * PANEL)
        for (int64_t tap = 0; tap < count; tap += step) {
            stretch s = {values, weights, taps + tap, panels + tap, count - tap < step ? count - tap : step, channels};
            int fresh = tap == 0;
            for (int64_t row = 0; row < height; row += ROWS) {
                word *places[ROWS];
                int found = height - row < ROWS ? (int)(height - row) : ROWS;
                for (int r = 0; r < found; r++) places[r] = out + targets[row + r] + column;
                switch (found) {
                case 1: block(places, rows + row, 1, columns - column, fresh, &s); break;
                case 2: block(places, rows + row, 2, columns - column, fresh, &s); break;
                case 3: block(places, rows + row, 3, columns - column, fresh, &s); break;
                case 4: block(places, rows + row, 4, columns - column, fresh, &s); break;
                case 5: block(places, rows + row, 5, columns - column, fresh, &s); break;
                default: block(places, rows + row, ROWS, columns - column, fresh, &s);
                }
            }
        }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A party's local part of the gate of verifier/rescale.py, in one pass.

   known  = (c >> shift) - half - b + (SIGNED: t << width)
   secret = -q + (2b - 1)·beta + lift·top        lift = (1 - 2t) << width, or (1 - c's top bit) << width
   result = secret, at P0 + known; with a sign s: s ? rest : result - rest, rest = sigma·known + secret of the products

   Absent inputs are null. Everything selected by is opened: c, b, t, s. */
#include "kernels.h"

static inline words some(const word *from, int64_t at, int64_t left)
{
    return from ? load_some(from + at, left) : every(0);
}

void rescale(word *result, const word *opened, const word *low, const word *high, const word *sign, const word *quotient,
             const word *bit, const word *top, const word *sigma, const word *sign_quotient, const word *sign_bit,
             const word *sign_top, int64_t n, int64_t shift, int64_t width, int64_t half, int64_t party)
{
    const words one = every(1);
    for (int64_t at = 0; at < n; at += 8) {
        int64_t left = n - at;
        words c = load_some(opened + at, left), b = some(low, at, left), t = some(high, at, left);
        words known = (c >> every((word)shift)) - every((word)half) - b;
        words factor = low ? b + b - one : every(0);
        words lift = every(0);
        if (high) {
            known += t << every((word)width);
            lift = (one - t - t) << every((word)width);
        } else if (top)
            lift = (one - (c >> every((word)(shift + width - 1)) & one)) << every((word)width);
        words found = factor * some(bit, at, left) + lift * some(top, at, left) - load_some(quotient + at, left);
        if (!party) found += known;
        if (sign) {
            words rest = load_some(sigma + at, left) * known - load_some(sign_quotient + at, left);
            rest += factor * some(sign_bit, at, left) + lift * some(sign_top, at, left);
            words negative = -load_some(sign + at, left);
            found = (negative & rest) | (~negative & (found - rest));
        }
        store_some(result + at, found, left);
    }
}

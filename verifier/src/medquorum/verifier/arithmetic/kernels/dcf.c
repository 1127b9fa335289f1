/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the distributed comparison function: generation and evaluation, step by step as verifier/dcf.py has them.

   Blocks are split into low and high words: (2, n). One group of vectors goes down the tree at a time. */
#include "aes.h"

#define ROUNDS 11
#define SEED (~(word)7)
#define GROUP 4 /* vectors of eight numbers: independent chains of AES rounds */
#define PAIR 2  /* the same for a key, which has four hashes a level */

#define EXPAND(i, constant)                                                                                            \
    keys[i] = next_key(keys[i - 1], _mm_shuffle_epi32(_mm_aeskeygenassist_si128(keys[i - 1], constant), 0xff))

static void expand(const uint8_t *key, round_key *result)
{
    __m128i keys[ROUNDS];
    keys[0] = _mm_loadu_si128((const __m128i *)key);
    EXPAND(1, 0x01); EXPAND(2, 0x02); EXPAND(3, 0x04); EXPAND(4, 0x08); EXPAND(5, 0x10);
    EXPAND(6, 0x20); EXPAND(7, 0x40); EXPAND(8, 0x80); EXPAND(9, 0x1b); EXPAND(10, 0x36);
    for (int i = 0; i < ROUNDS; i++) result[i] = spread_key(keys[i]);
}

static inline words even(words a, words b) { return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14); }
static inline words odd(words a, words b) { return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15); }

/* H(seed, tweak) in place: AES(sigma ^ tweak) ^ sigma with sigma = (high, high ^ low). */
static inline __attribute__((always_inline)) void hash(
    const round_key *keys, words *low, words *high, const words *tweak, int count)
{
    words blocks[2 * PAIR * 4], second[PAIR * 4];
    for (int i = 0; i < count; i++) {
        words first = high[i] ^ tweak[i];
        second[i] = high[i] ^ low[i];
        blocks[2 * i] = even(first, second[i]);
        blocks[2 * i + 1] = odd(first, second[i]);
    }
    encrypt(keys, ROUNDS, blocks, 2 * count);
    for (int i = 0; i < count; i++) {
        low[i] = even(blocks[2 * i], blocks[2 * i + 1]) ^ high[i];
        high[i] = odd(blocks[2 * i], blocks[2 * i + 1]) ^ second[i];
    }
}

static inline words at_place(words place, words low, words high)
{
    words upper = -(place >> every(6) & every(1));
    return ((low & ~upper) | (high & upper)) >> (place & every(63)) & every(1);
}

void dcf_evaluate(const uint8_t *key, const word *root, const word *public, const word *values, word *result, int64_t n,
                  int64_t bits, int64_t depth, int64_t party)
{
    round_key keys[ROUNDS] __attribute__((aligned(64)));
    expand(key, keys);
    const words one = every(1);
    for (int64_t first = 0; first < n; first += 8 * GROUP) {
        words low[GROUP], high[GROUP], control[GROUP], total[GROUP], point[GROUP], bit[GROUP], tweak[GROUP];
        for (int g = 0; g < GROUP; g++) {
            int64_t at = first + 8 * g;
            point[g] = load_some(values + at, n - at);
            low[g] = load_some(root + at, n - at) & every(SEED);
            high[g] = load_some(root + n + at, n - at);
            control[g] = every((word)party);
            total[g] = every(0);
        }
        for (int64_t level = 0; level < depth; level++) {
            const word *correction = public + 2 * n * level;
            for (int g = 0; g < GROUP; g++) {
                bit[g] = point[g] >> every((word)(bits - 1 - level)) & one;
                tweak[g] = every((word)(4 * level + 1)) + bit[g];
            }
            hash(keys, low, high, tweak, GROUP);
            for (int g = 0; g < GROUP; g++) {
                int64_t at = first + 8 * g;
                words taken = load_some(correction + at, n - at) & -control[g];
                words other = load_some(correction + n + at, n - at) & -control[g];
                total[g] ^= (low[g] >> one ^ taken) & one;
                control[g] = (low[g] ^ taken >> (bit[g] + one)) & one;
                low[g] = (low[g] ^ taken) & every(SEED);
                high[g] ^= other;
            }
        }
        const word *correction = public + 2 * n * depth;
        for (int g = 0; g < GROUP; g++) tweak[g] = every((word)(4 * depth + 3));
        hash(keys, low, high, tweak, GROUP);
        for (int g = 0; g < GROUP; g++) {
            int64_t at = first + 8 * g;
            words place = point[g] & every(((word)1 << (bits < 7 ? bits : 7)) - 1);
            words leaf_low = low[g] ^ (load_some(correction + at, n - at) & -control[g]);
            words leaf_high = high[g] ^ (load_some(correction + n + at, n - at) & -control[g]);
            store_some(result + at, total[g] ^ at_place(place, leaf_low, leaf_high), n - at);
        }
    }
}

/* Hash the seeds of both parties, for PAIR vectors: party 0's first. */
static inline __attribute__((always_inline)) void hash_both(
    const round_key *keys, const words *low, const words *high, const words *tweak, words *out_low, words *out_high)
{
    words both[2 * PAIR];
    for (int i = 0; i < 2 * PAIR; i++) {
        out_low[i] = low[i];
        out_high[i] = high[i];
        both[i] = tweak[i % PAIR];
    }
    hash(keys, out_low, out_high, both, 2 * PAIR);
}

void dcf_generate(const uint8_t *key, const word *first_root, const word *second_root, const word *points, word *result,
                  int64_t n, int64_t bits, int64_t depth)
{
    round_key keys[ROUNDS] __attribute__((aligned(64)));
    expand(key, keys);
    const words one = every(1), seed = every(SEED);
    for (int64_t first = 0; first < n; first += 8 * PAIR) {
        words low[2 * PAIR], high[2 * PAIR], control[2 * PAIR], value[PAIR], point[PAIR], bit[PAIR], tweak[PAIR];
        words keep_low[2 * PAIR], keep_high[2 * PAIR], lose_low[2 * PAIR], lose_high[2 * PAIR];
        for (int i = 0; i < 2 * PAIR; i++) {
            const word *root = i < PAIR ? first_root : second_root;
            int64_t at = first + 8 * (i % PAIR);
            low[i] = load_some(root + at, n - at) & seed;
            high[i] = load_some(root + n + at, n - at);
            control[i] = every(i < PAIR ? 0 : 1);
        }
        for (int g = 0; g < PAIR; g++) {
            point[g] = load_some(points + first + 8 * g, n - first - 8 * g);
            value[g] = every(0);
        }
        for (int64_t level = 0; level < depth; level++) {
            for (int g = 0; g < PAIR; g++) {
                bit[g] = point[g] >> every((word)(bits - 1 - level)) & one;
                tweak[g] = every((word)(4 * level + 1)) + bit[g];
            }
            hash_both(keys, low, high, tweak, keep_low, keep_high);
            for (int g = 0; g < PAIR; g++) tweak[g] = every((word)(4 * level + 2)) - bit[g];
            hash_both(keys, low, high, tweak, lose_low, lose_high);
            for (int g = 0; g < PAIR; g++) {
                int64_t at = first + 8 * g;
                words lost = lose_low[g] ^ lose_low[g + PAIR], kept = keep_low[g] ^ keep_low[g + PAIR];
                words correction = lost & seed, correction_high = lose_high[g] ^ lose_high[g + PAIR];
                words value_bit = (lost >> one & one) ^ value[g] ^ bit[g];
                words kept_bit = (kept & one) ^ one, lost_bit = lost & one;
                words swap = (kept_bit ^ lost_bit) & -bit[g];
                words flags = value_bit | (kept_bit ^ swap) << one | (lost_bit ^ swap) << every(2);
                word *out = result + 2 * n * level + at;
                store_some(out, correction | flags, n - at);
                store_some(out + n, correction_high, n - at);
                value[g] ^= (kept >> one & one) ^ value_bit;
                for (int i = g; i < 2 * PAIR; i += PAIR) {
                    low[i] = (keep_low[i] & seed) ^ (correction & -control[i]);
                    high[i] = keep_high[i] ^ (correction_high & -control[i]);
                    control[i] = (keep_low[i] & one) ^ (kept_bit & control[i]);
                }
            }
        }
        for (int g = 0; g < PAIR; g++) tweak[g] = every((word)(4 * depth + 3));
        hash_both(keys, low, high, tweak, keep_low, keep_high);
        for (int g = 0; g < PAIR; g++) {
            int64_t at = first + 8 * g;
            words place = point[g] & every(127), upper = -(place >> every(6));
            words part = (one << (place & every(63))) - one;
            word *out = result + 2 * n * depth + at;
            store_some(out, keep_low[g] ^ keep_low[g + PAIR] ^ (upper | part) ^ -value[g], n - at);
            store_some(out + n, keep_high[g] ^ keep_high[g + PAIR] ^ (upper & part) ^ -value[g], n - at);
        }
    }
}

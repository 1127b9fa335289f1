/* SPDX-License-Identifier: Apache-2.0 */
/* A stream's words, AES-256 in counter mode from block 0, as randomness/stream.py has them: made where they are used.

   ``from`` is the place in the stream, in words of which a block has two. Without VAES OpenSSL's is as fast. */
#include "aes.h"
#include "packing.h"

#ifdef __VAES__

#define ROUNDS 15
#define VECTORS 8 /* of four blocks: independent chains of AES rounds */
#define PART (8 * VECTORS)

#define EVEN(i, constant)                                                                                              \
    keys[i] = next_key(keys[i - 2], _mm_shuffle_epi32(_mm_aeskeygenassist_si128(keys[i - 1], constant), 0xff))
#define ODD(i) keys[i] = next_key(keys[i - 2], _mm_shuffle_epi32(_mm_aeskeygenassist_si128(keys[i - 1], 0), 0xaa))

static void expand(const uint8_t *key, round_key *result)
{
    __m128i keys[ROUNDS];
    keys[0] = _mm_loadu_si128((const __m128i *)key);
    keys[1] = _mm_loadu_si128((const __m128i *)key + 1);
    EVEN(2, 0x01); ODD(3); EVEN(4, 0x02); ODD(5); EVEN(6, 0x04); ODD(7); EVEN(8, 0x08); ODD(9);
    EVEN(10, 0x10); ODD(11); EVEN(12, 0x20); ODD(13); EVEN(14, 0x40);
    for (int i = 0; i < ROUNDS; i++) result[i] = spread_key(keys[i]);
}

/* The bytes of every word in reverse: a counter is big-endian. */
static inline words reversed(words value)
{
    const __m128i order = _mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
    return (words)_mm512_shuffle_epi8((__m512i)value, _mm512_broadcast_i32x4(order));
}

/* PART words from a block on. */
static inline __attribute__((always_inline)) void fill(const round_key *keys, word block, word *result)
{
    words blocks[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        word first = block + 4 * (word)v;
        blocks[v] = reversed((words){0, first, 0, first + 1, 0, first + 2, 0, first + 3});
    }
    encrypt(keys, ROUNDS, blocks, VECTORS);
    for (int v = 0; v < VECTORS; v++) store(result + 8 * v, blocks[v]);
}

/* Do something for every part of n words: ``part`` are its words, the first of them number ``at`` of all. */
#define EACH_PART(key, from, n, statement)                                                                             \
    do {                                                                                                               \
        round_key keys[ROUNDS] __attribute__((aligned(64)));                                                           \
        expand(key, keys);                                                                                             \
        word block = (word)(from) / 2;                                                                                 \
        int64_t skipped = (from) % 2;                                                                                  \
        for (int64_t at = 0, count; at < (n); block += PART / 2, skipped = 0) {                                         \
            word made[PART] __attribute__((aligned(64)));                                                              \
            const word *part = made + skipped;                                                                         \
            fill(keys, block, made);                                                                                   \
            if (!skipped && (n) - at >= PART) {                                                                        \
                const int64_t count = PART; /* the compiler knows it: no remainders */                                 \
                statement                                                                                              \
                at += count;                                                                                           \
                continue;                                                                                              \
            }                                                                                                          \
            count = (n) - at < PART - skipped ? (n) - at : PART - skipped;                                             \
            statement                                                                                                  \
            at += count;                                                                                               \
        }                                                                                                              \
    } while (0)

void stream(const uint8_t *key, int64_t from, word *result, int64_t n)
{
    EACH_PART(key, from, n, for (int64_t i = 0; i < count; i++) result[at + i] = part[i];);
}

void stream_add(const uint8_t *key, int64_t from, word *values, int64_t n)
{
    EACH_PART(key, from, n, for (int64_t i = 0; i < count; i++) values[at + i] += part[i];);
}

void stream_xor(const uint8_t *key, int64_t from, const word *values, word *result, int64_t n)
{
    EACH_PART(key, from, n, for (int64_t i = 0; i < count; i++) result[at + i] = values[at + i] ^ part[i];);
}

/* Sums of subsets that the stream chooses, from an even place on: groups of four coins lie in one part. */
void stream_subset_sums(const uint8_t *key, int64_t from, const word *values, word *sums, int64_t n)
{
    EACH_PART(key, from, n, subset_sums(values + at, part, sums, count););
}

/* The low ``width`` bytes of every value less its word of the stream. */
void stream_less(const uint8_t *key, int64_t from, const word *values, uint8_t *result, int64_t n, int64_t width)
{
    const packing all = packing_of(width);
    EACH_PART(key, from, n,
              for (int64_t i = 0; i < count; i += 8) {
                  words value = load_some(values + at + i, count - i) - load_some(part + i, count - i);
                  uint8_t *to = result + (at + i) * width;
                  if (count - i >= 8) store_low(to, value, all);
                  else
                      for (int64_t j = 0; j < (count - i) * width; j++)
                          to[j] = (uint8_t)(value[j / width] >> (8 * (j % width)));
              });
}

#endif

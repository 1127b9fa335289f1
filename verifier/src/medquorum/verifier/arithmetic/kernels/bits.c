/* SPDX-License-Identifier: Apache-2.0 */
/* Bit planes, low bytes and the bit-sliced tree's tables, as verifier/bitplanes.py, ring.py and tree.py have them. */
#include "packing.h"

/* Plane j of n numbers, all its words: bit e % 64 of word e / 64 is bit j of number e. */
void planes(const word *values, word *result, int64_t n, int64_t bits)
{
    int64_t count = (n + 63) / 64;
    for (int64_t w = 0; w < count; w++) {
        int64_t found = n - 64 * w < 64 ? n - 64 * w : 64;
        for (int64_t first = 0; first < bits; first += 8) {
            uint8_t part[64] __attribute__((aligned(64))) = {0};
            if (found == 64)
#ifdef __AVX512F__
                for (int i = 0; i < 8; i++) {
                    words eight = load(values + 64 * w + 8 * i) >> every((word)first);
                    _mm_storel_epi64((__m128i *)(part + 8 * i), _mm512_cvtepi64_epi8((__m512i)eight));
                }
#else
                for (int i = 0; i < 64; i++) part[i] = (uint8_t)(values[64 * w + i] >> first);
#endif
            else
                for (int i = 0; i < found; i++) part[i] = (uint8_t)(values[64 * w + i] >> first);
            __m256i low = _mm256_load_si256((const __m256i *)part), high = _mm256_load_si256((const __m256i *)part + 1);
            for (int64_t j = 7; j >= 0; j--) {
                if (first + j < bits)
                    result[(first + j) * count + w] = (word)(uint32_t)_mm256_movemask_epi8(low) |
                                                      (word)(uint32_t)_mm256_movemask_epi8(high) << 32;
                low = _mm256_add_epi8(low, low);
                high = _mm256_add_epi8(high, high);
            }
        }
    }
}

/* The first n bits of a plane as words 0 or 1. */
void spread(const word *plane, word *result, int64_t n)
{
    for (int64_t w = 0; w < n / 64; w++)
        for (int i = 0; i < 64; i++) result[64 * w + i] = plane[w] >> i & 1;
    for (int64_t e = n & ~(int64_t)63; e < n; e++) result[e] = plane[e / 64] >> (e % 64) & 1;
}

/* The low ``width`` bytes of every word, and back. */
void pack(const word *values, uint8_t *result, int64_t n, int64_t width)
{
    int64_t whole = n - 8 / width - 1; /* eight bytes from here on stay within the result */
    int64_t i = 0;
#ifdef __AVX512VBMI__
    const packing all = packing_of(width);
    for (; i + 8 <= n; i += 8) store_low(result + i * width, load(values + i), all);
#endif
    for (; i < whole; i++) *(byte_word *)(result + i * width) = values[i];
    for (; i < n; i++)
        for (int64_t j = 0; j < width; j++) result[i * width + j] = (uint8_t)(values[i] >> (8 * j));
}

void unpack(const uint8_t *raw, word *result, int64_t n, int64_t width)
{
    word mask = width == 8 ? ~(word)0 : ((word)1 << (8 * width)) - 1;
    int64_t whole = n - 8 / width - 1;
    int64_t i = 0;
#ifdef __AVX512VBMI__
    const packing all = packing_of(width);
    for (; i + 8 <= n; i += 8) store(result + i, load_low(raw + i * width, all));
#endif
    for (; i < whole; i++) result[i] = *(const byte_word *)(raw + i * width) & mask;
    for (; i < n; i++) {
        result[i] = 0;
        for (int64_t j = 0; j < width; j++) result[i] |= (word)raw[i * width + j] << (8 * j);
    }
}

/* The low ``width`` bytes of every sum of two words; and what both parties open: the two and the other's, in one pass. */
void pack_sum(const word *first, const word *second, uint8_t *result, int64_t n, int64_t width)
{
    int64_t whole = n - 8 / width - 1;
    int64_t i = 0;
#ifdef __AVX512VBMI__
    const packing all = packing_of(width);
    for (; i + 8 <= n; i += 8) store_low(result + i * width, load(first + i) + load(second + i), all);
#endif
    for (; i < whole; i++) *(byte_word *)(result + i * width) = first[i] + second[i];
    for (; i < n; i++)
        for (int64_t j = 0; j < width; j++) result[i * width + j] = (uint8_t)((first[i] + second[i]) >> (8 * j));
}

void unpack_sum(const uint8_t *raw, const word *first, const word *second, word *result, int64_t n, int64_t width,
                int64_t bits)
{
    word mask = bits == 64 ? ~(word)0 : ((word)1 << bits) - 1;
    int64_t whole = n - 8 / width - 1;
    int64_t i = 0;
#ifdef __AVX512VBMI__
    const packing all = packing_of(width);
    for (; i + 8 <= n; i += 8)
        store(result + i, (load(first + i) + load(second + i) + load_low(raw + i * width, all)) & every(mask));
#endif
    for (; i < whole; i++) result[i] = (first[i] + second[i] + *(const byte_word *)(raw + i * width)) & mask;
    for (; i < n; i++) {
        word other = 0;
        for (int64_t j = 0; j < width; j++) other |= (word)raw[i * width + j] << (8 * j);
        result[i] = (first[i] + second[i] + other) & mask;
    }
}

/* One-hot tables of 4-bit chunks (chunks, 4, count) without their first place: (15, chunks, count). */
void tree_tables(const word *bits, word *result, int64_t chunks, int64_t count)
{
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t w = 0; w < count; w += 8) {
            int64_t left = count - w;
            words same[16];
            same[0] = every(~(word)0);
            for (int j = 0; j < 4; j++) {
                words bit = load_some(bits + (4 * chunk + j) * count + w, left);
                for (int i = 0; i < 1 << j; i++) {
                    same[i | 1 << j] = same[i] & bit;
                    same[i] &= ~bit;
                }
            }
            for (int value = 1; value < 16; value++)
                store_some(result + ((value - 1) * chunks + chunk) * count + w, same[value], left);
        }
}

/* Look public chunks (chunks, 4, count) up in shared tables (15, chunks, count): shares of "below" and "equal". */
void tree_leaves(const word *bits, const word *table, word *below, word *equal, int64_t chunks, int64_t count,
                 int64_t party)
{
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t w = 0; w < count; w += 8) {
            int64_t left = count - w;
            words same[16], above[16];
            above[15] = every(0);
            for (int value = 15; value > 0; value--) {
                same[value] = load_some(table + ((value - 1) * chunks + chunk) * count + w, left);
                above[value - 1] = above[value] ^ same[value];
            }
            same[0] = party ? above[0] : ~above[0];
            for (int j = 0; j < 4; j++) {
                words bit = load_some(bits + (4 * chunk + j) * count + w, left);
                for (int i = 0; i < 8 >> j; i++) {
                    same[i] = same[2 * i] ^ (bit & (same[2 * i] ^ same[2 * i + 1]));
                    above[i] = above[2 * i] ^ (bit & (above[2 * i] ^ above[2 * i + 1]));
                }
            }
            store_some(below + chunk * count + w, above[0], left);
            store_some(equal + chunk * count + w, same[0], left);
        }
}

/* A borrow chain of up to MOST inputs, as verifier/borrow_chain.py has it: its shares, word by word in one pass.

   (count, n) generate and (count - 1, n) propagate wires, (2^(count-1), n) subsets, (2^count - 1, n) products. */
#define MOST 6

void chain(const word *generate, const word *propagate, const word *subsets, const word *products, word *result,
           int64_t count, int64_t n)
{
    for (int64_t w = 0; w < n; w += 8) {
        int64_t left = n - w, size = (int64_t)1 << (count - 1);
        const word *product = products + w;
        words total[1 << (MOST - 1)];
        for (int64_t s = 0; s < size; s++) total[s] = every(0);
        for (int64_t j = 0; j < count; j++, size /= 2) {
            words wire = load_some(generate + j * n + w, left);
            for (int64_t s = 0; s < size; s++, product += n)
                total[s] ^= (wire & load_some(subsets + (s << j) * n + w, left)) ^ load_some(product, left);
            if (j == count - 1) break;
            wire = load_some(propagate + j * n + w, left);
            for (int64_t s = 0; s < size / 2; s++) total[s] = (wire & total[2 * s]) ^ total[2 * s + 1];
        }
        store_some(result + w, total[0], left);
    }
}

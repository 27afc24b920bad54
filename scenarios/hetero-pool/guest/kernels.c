/*
 * The multivariant part: one source, compiled with the flags of each variant. fib, dot8, matrix, hamming and histogram differ in what the
 * compiler makes of the flags; the others ask for an instruction where the flags say that it exists.
 */
#include "kernels.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#if defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif
#endif

static uint64_t load64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* The F job: calls, compares and additions, for which no extension has anything. */
__attribute__((noinline)) static uint32_t fibonacci(uint32_t n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

uint32_t KERNEL(fib)(const uint8_t *a, const uint8_t *b) { return fibonacci(12) ^ (uint32_t)a[0] << 8 ^ b[0]; }

uint32_t KERNEL(dot8)(const uint8_t *a, const uint8_t *b) {
    const int8_t *x = (const int8_t *)a, *y = (const int8_t *)b;
    int32_t sum = 0;
    for (size_t i = 0; i < INPUT_BYTES; i++) sum += x[i] * y[i];
    return (uint32_t)sum;
}

/* 16 by 16 words, the sum of the product's elements, each weighted with its row. */
uint32_t KERNEL(matrix)(const uint8_t *a, const uint8_t *b) {
    enum { SIZE = 16 };
    uint32_t x[SIZE][SIZE], y[SIZE][SIZE];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    uint32_t sum = 0;
    for (uint32_t i = 0; i < SIZE; i++) {
        uint32_t row[SIZE] = {0};
        for (size_t k = 0; k < SIZE; k++)
            for (size_t j = 0; j < SIZE; j++) row[j] += x[i][k] * y[k][j];
        uint32_t total = 0;
        for (size_t j = 0; j < SIZE; j++) total += row[j];
        sum += total * (i + 1);
    }
    return sum;
}

/* In how many bits the inputs differ. */
uint32_t KERNEL(hamming)(const uint8_t *a, const uint8_t *b) {
    uint32_t sum = 0;
    for (size_t i = 0; i < INPUT_BYTES; i += 8) sum += (uint32_t)__builtin_popcountll(load64(a + i) ^ load64(b + i));
    return sum;
}

/* CRC-32C of the second input, begun with a byte of the first. */
uint32_t KERNEL(crc32c)(const uint8_t *a, const uint8_t *b) {
    uint32_t crc = ~(uint32_t)a[0];
    for (size_t i = 0; i < INPUT_BYTES; i += 8) {
#if defined(__SSE4_2__)
        crc = (uint32_t)_mm_crc32_u64(crc, load64(b + i));
#elif defined(__ARM_FEATURE_CRC32)
        crc = __crc32cd(crc, load64(b + i));
#else
        uint64_t x = load64(b + i) ^ crc;
        crc = crc_table[7][x & 0xff] ^ crc_table[6][x >> 8 & 0xff] ^ crc_table[5][x >> 16 & 0xff] ^
              crc_table[4][x >> 24 & 0xff] ^ crc_table[3][x >> 32 & 0xff] ^ crc_table[2][x >> 40 & 0xff] ^
              crc_table[1][x >> 48 & 0xff] ^ crc_table[0][x >> 56];
#endif
    }
    return ~crc;
}

#if !defined(__AES__) && !defined(__ARM_FEATURE_AES) && !defined(__ARM_FEATURE_CRYPTO)
static uint32_t rotate(uint32_t x, int bits) { return x << bits | x >> (32 - bits); }

static uint32_t mixed_column(const uint32_t s[4], int column) {
    return aes_table[s[column] & 0xff] ^ rotate(aes_table[s[(column + 1) % 4] >> 8 & 0xff], 8) ^
           rotate(aes_table[s[(column + 2) % 4] >> 16 & 0xff], 16) ^ rotate(aes_table[s[(column + 3) % 4] >> 24], 24);
}

static uint32_t last_column(const uint32_t s[4], int column) {
    return (uint32_t)aes_sbox[s[column] & 0xff] | (uint32_t)aes_sbox[s[(column + 1) % 4] >> 8 & 0xff] << 8 |
           (uint32_t)aes_sbox[s[(column + 2) % 4] >> 16 & 0xff] << 16 |
           (uint32_t)aes_sbox[s[(column + 3) % 4] >> 24] << 24;
}
#endif

/* AES-128 in counter mode over the second input; the words of the result, folded. The counter block is a[0..7] and the block's number. */
uint32_t KERNEL(aesctr)(const uint8_t *a, const uint8_t *b) {
    uint32_t folded[4] = {0, 0, 0, 0};
    for (uint32_t block = 0; block < INPUT_BYTES / 16; block++) {
        uint32_t state[4];
        memcpy(state, a, 8);
        state[2] = 0;
        state[3] = __builtin_bswap32(block);
#if defined(__AES__)
        __m128i x = _mm_loadu_si128((const __m128i *)state);
        const __m128i *keys = (const __m128i *)aes_round_keys;
        x = _mm_xor_si128(x, _mm_loadu_si128(keys));
        for (int round = 1; round < 10; round++) x = _mm_aesenc_si128(x, _mm_loadu_si128(keys + round));
        x = _mm_aesenclast_si128(x, _mm_loadu_si128(keys + 10));
        _mm_storeu_si128((__m128i *)state, x);
#elif defined(__ARM_FEATURE_AES) || defined(__ARM_FEATURE_CRYPTO)
        uint8x16_t x = vld1q_u8((const uint8_t *)state);
        const uint8_t *keys = (const uint8_t *)aes_round_keys;
        for (int round = 0; round < 9; round++) x = vaesmcq_u8(vaeseq_u8(x, vld1q_u8(keys + 16 * round)));
        x = veorq_u8(vaeseq_u8(x, vld1q_u8(keys + 144)), vld1q_u8(keys + 160));
        vst1q_u8((uint8_t *)state, x);
#else
        for (int i = 0; i < 4; i++) state[i] ^= aes_round_keys[i];
        for (int round = 1; round < 10; round++) {
            uint32_t next[4];
            for (int i = 0; i < 4; i++) next[i] = mixed_column(state, i) ^ aes_round_keys[4 * round + i];
            memcpy(state, next, sizeof state);
        }
        uint32_t next[4];
        for (int i = 0; i < 4; i++) next[i] = last_column(state, i) ^ aes_round_keys[40 + i];
        memcpy(state, next, sizeof state);
#endif
        for (int i = 0; i < 4; i++) {
            uint32_t text;
            memcpy(&text, b + 16 * block + 4 * (uint32_t)i, 4);
            folded[i] = (folded[i] << 1 | folded[i] >> 31) ^ state[i] ^ text;
        }
    }
    return folded[0] ^ folded[1] * 3 ^ folded[2] * 5 ^ folded[3] * 7;
}

/* How many bytes of the second input are members of the set. */
uint32_t KERNEL(anyof)(const uint8_t *a, const uint8_t *b) {
    uint32_t sum = a[0];
#if defined(__SSE4_2__)
    const __m128i set = _mm_loadu_si128((const __m128i *)set_members);
    for (size_t i = 0; i < INPUT_BYTES; i += 16) {
        const __m128i text = _mm_loadu_si128((const __m128i *)(b + i));
        const __m128i mask = _mm_cmpestrm(set, 16, text, 16, _SIDD_UBYTE_OPS | _SIDD_CMP_EQUAL_ANY | _SIDD_BIT_MASK);
        sum += (uint32_t)__builtin_popcount((unsigned)_mm_cvtsi128_si32(mask));
    }
#else
    for (size_t i = 0; i < INPUT_BYTES; i++) sum += set_table[b[i]];
#endif
    return sum;
}

/* Counts the second input's bytes into bins that all threads share: LSE makes one instruction of what is a loop without. */
uint32_t KERNEL(histogram)(const uint8_t *a, const uint8_t *b) {
    uint32_t sum = a[0];
    for (size_t i = 0; i < INPUT_BYTES; i++) {
        __atomic_fetch_add(&histogram_bins[b[i]], 1, __ATOMIC_RELAXED);
        sum += b[i];
    }
    return sum;
}

static const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#if !defined(__ARM_FEATURE_SHA2) && !defined(__ARM_FEATURE_CRYPTO)
static uint32_t right(uint32_t x, int bits) { return x >> bits | x << (32 - bits); }
#endif

/* The compression function of FIPS 180-4, 6.2.2 over the second input's blocks, without the final padding. */
uint32_t KERNEL(sha256)(const uint8_t *a, const uint8_t *b) {
    uint32_t h[8] = {0x6a09e667 ^ a[0], 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
#if defined(__ARM_FEATURE_SHA2) || defined(__ARM_FEATURE_CRYPTO)
    uint32x4_t low = vld1q_u32(h), high = vld1q_u32(h + 4);
    for (size_t at = 0; at < INPUT_BYTES; at += 64) {
        uint32x4_t w[4], s0 = low, s1 = high;
        for (int i = 0; i < 4; i++) w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(b + at + 16 * (size_t)i)));
        for (int i = 0; i < 16; i++) {
            uint32x4_t sum = vaddq_u32(w[0], vld1q_u32(sha256_constants + 4 * i));
            uint32x4_t old = s0;
            s0 = vsha256hq_u32(s0, s1, sum);
            s1 = vsha256h2q_u32(s1, old, sum);
            uint32x4_t next = vsha256su1q_u32(vsha256su0q_u32(w[0], w[1]), w[2], w[3]);
            w[0] = w[1];
            w[1] = w[2];
            w[2] = w[3];
            w[3] = next;
        }
        low = vaddq_u32(low, s0);
        high = vaddq_u32(high, s1);
    }
    vst1q_u32(h, low);
    vst1q_u32(h + 4, high);
#else
    for (size_t at = 0; at < INPUT_BYTES; at += 64) {
        uint32_t w[64], s[8];
        for (size_t i = 0; i < 16; i++) {
            uint32_t word;
            memcpy(&word, b + at + 4 * i, 4);
            w[i] = __builtin_bswap32(word);
        }
        for (int i = 16; i < 64; i++) {
            uint32_t x = w[i - 15], y = w[i - 2];
            w[i] = w[i - 16] + (right(x, 7) ^ right(x, 18) ^ x >> 3) + w[i - 7] + (right(y, 17) ^ right(y, 19) ^ y >> 10);
        }
        memcpy(s, h, sizeof s);
        for (int i = 0; i < 64; i++) {
            uint32_t t1 = s[7] + (right(s[4], 6) ^ right(s[4], 11) ^ right(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                          sha256_constants[i] + w[i];
            uint32_t t2 = (right(s[0], 2) ^ right(s[0], 13) ^ right(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            memmove(s + 1, s, 7 * sizeof s[0]);
            s[4] += t1;
            s[0] = t1 + t2;
        }
        for (int i = 0; i < 8; i++) h[i] += s[i];
    }
#endif
    return h[0] ^ h[3] ^ h[7];
}

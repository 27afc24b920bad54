/* Tables of the kernels' portable forms. Computed, so that no variant brings data of its own. */
#include "kernels.h"

uint32_t crc_table[8][256];
uint32_t aes_table[256];
uint8_t aes_sbox[256];
uint32_t aes_round_keys[44];
uint8_t set_members[16] = {'a', 'e', 'i', 'o', 'u', 'y', '0', '7', ' ', ',', '.', ';', 0xe4, 0xf6, 0xfc, 0xdf};
uint8_t set_table[256];
uint32_t histogram_bins[256];

/* CRC-32C (Castagnoli) in reflected form, RFC 3720 appendix B.4; eight bytes a step ("slicing by 8"). */
static void fill_crc(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        crc_table[0][i] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (int i = 0; i < 256; i++)
            crc_table[slice][i] = crc_table[slice - 1][i] >> 8 ^ crc_table[0][crc_table[slice - 1][i] & 0xff];
}

static uint8_t twice(uint8_t x) { return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0)); }

/* FIPS 197: the S-box from inverses in GF(2^8), the combined SubBytes and MixColumns column, the key schedule of AES-128. */
static void fill_aes(void) {
    uint8_t p = 1, q = 1;
    do {
        p = p ^ twice(p);
        q ^= (uint8_t)(q << 1);
        q ^= (uint8_t)(q << 2);
        q ^= (uint8_t)(q << 4);
        if (q & 0x80) q ^= 0x09;
        uint8_t x = (uint8_t)(q ^ (uint8_t)(q << 1 | q >> 7) ^ (uint8_t)(q << 2 | q >> 6) ^ (uint8_t)(q << 3 | q >> 5) ^
                              (uint8_t)(q << 4 | q >> 4));
        aes_sbox[p] = x ^ 0x63;
    } while (p != 1);
    aes_sbox[0] = 0x63;
    for (int i = 0; i < 256; i++) {
        uint8_t s = aes_sbox[i], s2 = twice(s);
        aes_table[i] = (uint32_t)s2 | (uint32_t)s << 8 | (uint32_t)s << 16 | (uint32_t)(s2 ^ s) << 24;
    }
    for (uint32_t i = 0; i < 4; i++) aes_round_keys[i] = 0x03020100u + 0x04040404u * i; /* key 000102...0f */
    uint8_t constant = 1;
    for (int i = 4; i < 44; i++) {
        uint32_t word = aes_round_keys[i - 1];
        if (i % 4 == 0) {
            word = word >> 8 | word << 24;
            word = (uint32_t)aes_sbox[word & 0xff] | (uint32_t)aes_sbox[word >> 8 & 0xff] << 8 |
                   (uint32_t)aes_sbox[word >> 16 & 0xff] << 16 | (uint32_t)aes_sbox[word >> 24] << 24;
            word ^= constant;
            constant = twice(constant);
        }
        aes_round_keys[i] = aes_round_keys[i - 4] ^ word;
    }
}

__attribute__((constructor)) static void fill(void) {
    fill_crc();
    fill_aes();
    for (int i = 0; i < 16; i++) set_table[set_members[i]] = 1;
}

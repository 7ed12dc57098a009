// Vector primitives for any compiler target and any width.

#define SPLIT_PAIRS 0
#define HIDE(value) __asm__ volatile("" : "+m"(value))

typedef int32_t wide_words __attribute__((ext_vector_type(2 * LANES)));
// What packing moves: 4 or 8 values, which make 64 bits of a register's 128.
typedef int32_t four_sums __attribute__((ext_vector_type(4)));
typedef int16_t four_words __attribute__((ext_vector_type(4)));
typedef int16_t eight_words __attribute__((ext_vector_type(8)));
typedef uint8_t eight_bytes __attribute__((ext_vector_type(8)));

/// Part `index` of a lane, `width` bits wide, from the lowest bits on.
INLINE wrapped unsigned_part(sums lane, const int index, const int width) {
  return (wrapped)lane << (32 - width * (index + 1)) >> (32 - width);
}
INLINE wrapped signed_part(sums lane, const int index, const int width) {
  return (wrapped)((sums)((wrapped)lane << (32 - width * (index + 1))) >> (32 - width));
}

INLINE sums dot_words(sums sum, sums a, sums b) {
  wrapped total = (wrapped)sum;
  UNROLLED for (int i = 0; i < 2; i++) total += signed_part(a, i, 16) * signed_part(b, i, 16);
  return (sums)total;
}

INLINE sums dot_bytes(sums sum, sums a, sums b) {
  wrapped total = (wrapped)sum;
  UNROLLED for (int i = 0; i < 4; i++) total += unsigned_part(a, i, 8) * signed_part(b, i, 8);
  return (sums)total;
}

INLINE words pack_words(sums a, sums b) {
  const sums least = (sums)(-32768), most = (sums)(32767);
  const sums in[2] = {__builtin_elementwise_min(__builtin_elementwise_max(a, least), most),
                      __builtin_elementwise_min(__builtin_elementwise_max(b, least), most)};
  char out[sizeof(words)];
  UNROLLED for (int i = 0; i < LANES / 2; i++) {
    four_sums part;
    memcpy(&part, (const char *)&in[i % 2] + i / 2 * sizeof part, sizeof part);
    const four_words narrow = __builtin_convertvector(part, four_words);
    memcpy(out + i * sizeof narrow, &narrow, sizeof narrow);
  }
  return load_words(out);
}

INLINE bytes pack_bytes(words a, words b) {
  const words least = (words)(0), most = (words)(255);
  const words in[2] = {__builtin_elementwise_min(__builtin_elementwise_max(a, least), most),
                       __builtin_elementwise_min(__builtin_elementwise_max(b, least), most)};
  char out[sizeof(bytes)];
  UNROLLED for (int i = 0; i < LANES / 2; i++) {
    eight_words part;
    memcpy(&part, (const char *)&in[i % 2] + i / 2 * sizeof part, sizeof part);
    const eight_bytes narrow = __builtin_convertvector(part, eight_bytes);
    memcpy(out + i * sizeof narrow, &narrow, sizeof narrow);
  }
  return load_bytes(out);
}

/// Every second 8 bytes, from the first or the second on, times 256.
INLINE words raise_half(bytes a, const int second) {
  char out[sizeof(words)];
  UNROLLED for (int i = 0; i < LANES / 4; i++) {
    eight_bytes part;
    memcpy(&part, (const char *)&a + (2 * i + second) * sizeof part, sizeof part);
    const eight_words raised = __builtin_convertvector(part, eight_words) << 8;
    memcpy(out + i * sizeof raised, &raised, sizeof raised);
  }
  return load_words(out);
}
INLINE words raise_low(bytes a) { return raise_half(a, 0); }
INLINE words raise_high(bytes a) { return raise_half(a, 1); }

INLINE words scaled(words value, words multiplier) {
  const wide_words product = __builtin_convertvector(value, wide_words)
      * __builtin_convertvector(multiplier, wide_words);
  return __builtin_convertvector((product + 16384) >> 15, words);
}

INLINE words high_product(words a, words b) {
  typedef uint32_t wide __attribute__((ext_vector_type(2 * LANES)));
  const wide product = __builtin_convertvector((unsigned_words)a, wide)
      * __builtin_convertvector((unsigned_words)b, wide);
  return __builtin_convertvector(product >> 16, words);
}

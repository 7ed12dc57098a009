// Vector primitives of NEON, and of its I8MM.
#include <arm_neon.h>

#define SPLIT_PAIRS 1
#define HIDE(value) __asm__ volatile("" : "+w"(value))

INLINE sums dot_words(sums sum, sums a, sums b) {
  const int16x4_t x = vget_low_s16((int16x8_t)a);
  int32x4_t out = (int32x4_t)sum;
  out = vmlal_lane_s16(out, vget_low_s16((int16x8_t)b), x, 0);
  return (sums)vmlal_high_lane_s16(out, (int16x8_t)b, x, 1);
}

#if BYTE_DOT
// Written out, because a flag for it would have to stand on a whole target.
INLINE sums dot_bytes(sums sum, sums a, sums b) {
  __asm__(
      ".arch_extension i8mm\n\tusdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(a), "w"(b));
  return sum;
}
#endif

INLINE words pack_words(sums a, sums b) {
  return (words)vqmovn_high_s32(vqmovn_s32((int32x4_t)a), (int32x4_t)b);
}
INLINE bytes pack_bytes(words a, words b) {
  return (bytes)vqmovun_high_s16(vqmovun_s16((int16x8_t)a), (int16x8_t)b);
}
INLINE words raise_low(bytes a) {
  return (words)vshll_n_u8(vget_low_u8((uint8x16_t)a), 8);
}
INLINE words raise_high(bytes a) {
  return (words)vshll_high_n_u8((uint8x16_t)a, 8);
}
INLINE words scaled(words value, words multiplier) {
  return (words)vqrdmulhq_s16((int16x8_t)value, (int16x8_t)multiplier);
}
INLINE words high_product(words a, words b) {
  const uint16x8_t x = (uint16x8_t)a, y = (uint16x8_t)b;
  const uint16x4_t low = vshrn_n_u32(vmull_u16(vget_low_u16(x), vget_low_u16(y)), 16);
  return (words)vshrn_high_n_u32(low, vmull_high_u16(x, y), 16);
}

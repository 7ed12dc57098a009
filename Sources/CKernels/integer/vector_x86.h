// Vector primitives of SSE2, AVX2, AVX-512 BW, and of their VNNI.
#include <immintrin.h>

#if LANES == 16
typedef __m512i whole;
#define X86(name) _mm512_##name
#elif LANES == 8
typedef __m256i whole;
#define X86(name) _mm256_##name
#else
typedef __m128i whole;
#define X86(name) _mm_##name
#endif

#define SPLIT_PAIRS 0
// Registers beyond the 16th exist with AVX-512 alone.
#if LANES == 16
#define REGISTER "v"
#else
#define REGISTER "x"
#endif
#define HIDE(value) __asm__ volatile("" : "+" REGISTER(value))

#if BYTE_DOT
// The instructions are written out because a flag for them would have to stand on a whole target,
// and because clang makes two other instructions of the intrinsic for words. Registers of AVX2
// have them in a form of their own (AVX-VNNI); DOT_PREFIX empty means that of AVX-512.
#if !defined(DOT_PREFIX)
#if LANES == 8
#define DOT_PREFIX "%{vex%} "
#else
#define DOT_PREFIX ""
#endif
#endif
INLINE sums dot_words(sums sum, sums a, sums b) {
  __asm__(DOT_PREFIX "vpdpwssd %2, %1, %0" : "+" REGISTER(sum) : REGISTER(a), REGISTER(b));
  return sum;
}
INLINE sums dot_bytes(sums sum, sums a, sums b) {
  __asm__(DOT_PREFIX "vpdpbusd %2, %1, %0" : "+" REGISTER(sum) : REGISTER(a), REGISTER(b));
  return sum;
}
#else
INLINE sums dot_words(sums sum, sums a, sums b) {
  sum = (sums)((wrapped)sum + (wrapped)X86(madd_epi16)((whole)a, (whole)b));
  // Otherwise the compiler adds the products of several steps first, and registers do not suffice.
  __asm__("" : "+" REGISTER(sum));
  return sum;
}
#endif

INLINE words pack_words(sums a, sums b) {
  return (words)X86(packs_epi32)((whole)a, (whole)b);
}
INLINE bytes pack_bytes(words a, words b) {
  return (bytes)X86(packus_epi16)((whole)a, (whole)b);
}
INLINE words raise_low(bytes a) {
  return (words)X86(unpacklo_epi8)((whole)(bytes)(0), (whole)a);
}
INLINE words raise_high(bytes a) {
  return (words)X86(unpackhi_epi8)((whole)(bytes)(0), (whole)a);
}

INLINE words scaled(words value, words multiplier) {
#if LANES == 4
  // SSE2 has no such product: twice the high half, and the two highest bits of the low one.
  const unsigned_words high = (unsigned_words)_mm_mulhi_epi16((whole)value, (whole)multiplier);
  const unsigned_words low = (unsigned_words)_mm_mullo_epi16((whole)value, (whole)multiplier);
  return (words)(high + high + (low >> 15) + (low >> 14 & 1));
#else
  return (words)X86(mulhrs_epi16)((whole)value, (whole)multiplier);
#endif
}
INLINE words high_product(words a, words b) {
  return (words)X86(mulhi_epu16)((whole)a, (whole)b);
}

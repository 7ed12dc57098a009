// What this processor can run.
#include "CKernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

// The builtin asks the operating system too: it must save the wide registers.
int avp_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

int avp_has_avx512(void) {
  __builtin_cpu_init();
  return avp_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
      && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// Not every compiler knows this one by name. Its registers are those of AVX2.
int avp_has_avx_vnni(void) {
  unsigned a, b, c, d;
  return avp_has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

int avp_has_avx512_vnni(void) {
  return avp_has_avx512() && __builtin_cpu_supports("avx512vnni");
}
#else
int avp_has_avx2(void) { return 0; }
int avp_has_avx512(void) { return 0; }
int avp_has_avx_vnni(void) { return 0; }
int avp_has_avx512_vnni(void) { return 0; }
#endif

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

int avp_has_i8mm(void) {
  const unsigned long i8mm = 1ul << 13;  // HWCAP2_I8MM
  return (getauxval(AT_HWCAP2) & i8mm) != 0;
}
#else
int avp_has_i8mm(void) { return 0; }
#endif

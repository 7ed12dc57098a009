// What this processor can run.
#include "CKernels.h"

#if defined(__x86_64__)
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
#else
int avp_has_avx2(void) { return 0; }
int avp_has_avx512(void) { return 0; }
#endif

// The integer kernels for NEON with I8MM: 32 registers of 4 sums. To be entered only where
// avp_has_i8mm.
#include "include/integers.h"

#if defined(__aarch64__)
#define LANES 4
#define VECTORS 4
#define BYTE_DOT 1
#include "integer/kernels.h"

const avp_integer_kernels *avp_integers_neon(void) { return &kernels; }
#else
const avp_integer_kernels *avp_integers_neon(void) { return 0; }
#endif

// The integer kernels for any processor: registers of 4 sums, as SSE2 and NEON have them.
#define LANES 4
#define VECTORS 2
#define BYTE_DOT 0
#include "integer/kernels.h"

const avp_integer_kernels *avp_integers_portable(void) { return &kernels; }

// The shape of AVX-512 without VNNI. A vector wider than the registers is split by the compiler.
#include "CIntegerCheck.h"

#define GENERIC
#define LANES 16
#define VECTORS 4
#define BYTE_DOT 0
#include "../../Sources/CKernels/integer/kernels.h"

const avp_integer_kernels *avp_integers_wide_words(void) { return &kernels; }

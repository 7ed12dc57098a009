// The shape of AVX-512 with VNNI.
#include "CIntegerCheck.h"

#define GENERIC
#define LANES 16
#define VECTORS 4
#define BYTE_DOT 1
#include "../../Sources/CKernels/integer/kernels.h"

const avp_integer_kernels *avp_integers_wide_bytes(void) { return &kernels; }

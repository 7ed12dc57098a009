// The shape of AVX2 with AVX-VNNI.
#include "CIntegerCheck.h"

#define GENERIC
#define LANES 8
#define VECTORS 2
#define BYTE_DOT 1
#include "../../Sources/CKernels/integer/kernels.h"

const avp_integer_kernels *avp_integers_middle_bytes(void) { return &kernels; }

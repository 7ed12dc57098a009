// The shape of NEON with I8MM.
#include "CIntegerCheck.h"

#define GENERIC
#define LANES 4
#define VECTORS 4
#define BYTE_DOT 1
#include "../../Sources/CKernels/integer/kernels.h"

const avp_integer_kernels *avp_integers_narrow_bytes(void) { return &kernels; }

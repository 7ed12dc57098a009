// The kernels in the shape that AVX-512 has, compiled for any processor: the same statements over
// vectors of 16 floats, which the compiler splits into what there is. For tests alone.
#include "CKernelsWide.h"

#define VECTOR_WIDTH 16
#define PANEL_VECTORS 4
#include "../../Sources/CKernels/template/kernels.h"

const avp_kernels *avp_kernels_wide(void) { return &kernels; }

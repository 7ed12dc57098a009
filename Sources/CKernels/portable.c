// The kernels for any processor: vectors of 4 floats, as SSE2 and NEON have them.
#define VECTOR_WIDTH 4
#define PANEL_VECTORS 2
#include "template/kernels.h"

const avp_kernels *avp_kernels_portable(void) { return &kernels; }

#include "CDemoBackbone.h"

// #embed is C23; clang has it in every version of C and says so.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
// The tensors of a safetensors file start at a multiple of 8 bytes, if the file does.
static const unsigned char backbone[] __attribute__((aligned(64))) = {
#embed "demo-backbone.safetensors"
};
#pragma clang diagnostic pop

const unsigned char *avp_demo_backbone(size_t *count) {
  *count = sizeof backbone;
  return backbone;
}

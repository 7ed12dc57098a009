#ifndef AVP_DEMO_BACKBONE_H
#define AVP_DEMO_BACKBONE_H

#include <stddef.h>

/// The bytes of the backbone of `--weights demo`, a safetensors file, and their number.
///
/// They are part of the program and never change or move.
const unsigned char *avp_demo_backbone(size_t *count);

#endif

// What the int8 backbone needs beside the kernels, one version for all instruction sets.
#include "include/integers.h"

void avp_count_words(const int16_t *words, size_t count, uint64_t *counts) {
  for (size_t i = 0; i < count; i++) counts[32768 + words[i]]++;
}

int avp_fits_winograd(const avp_integer_weights *weights) {
  const int64_t bound = 1 << 25;
  const long depth = 9L * weights->shape.inputs;
  if (weights->shape.kernel != 3 || weights->shape.stride != 1) return 0;
  for (int output = 0; output < weights->shape.outputs; output++) {
    int64_t most = weights->bias[output], least = most;
    for (long k = 0; k < depth; k++) {
      const int weight = weights->weights[output * depth + k];
      if (weight > 0) most += 255 * weight;
      else least += 255 * weight;
    }
    if (most >= bound || least <= -bound) return 0;
  }
  return 1;
}

// docs/int8.md in plain loops: what all other integer kernels are tested against. Clarity counts
// here, not speed. An activation is one byte, words lie in the order of the channels, and weights
// are kept as they come.
#include <string.h>

#include "include/integers.h"

/// Where a packed convolution has its parts.
typedef struct {
  int32_t *bias, *shift;
  int16_t *multiplier;
  int8_t *weights;
} packed_parts;

/// Weights of one output.
static size_t depth_of(const avp_integer_shape *shape) {
  return (size_t)shape->kernel * shape->kernel * shape->inputs;
}

static packed_parts parts_of(const avp_integer_shape *shape, const void *packed) {
  packed_parts parts;
  parts.bias = (int32_t *)packed;
  parts.shift = parts.bias + shape->outputs;
  parts.multiplier = (int16_t *)(parts.shift + shape->outputs);
  parts.weights = (int8_t *)(parts.multiplier + shape->outputs);
  return parts;
}

static size_t packed_bytes(const avp_integer_shape *shape) {
  const size_t bytes = shape->outputs * (4 + 4 + 2 + depth_of(shape));
  return (bytes + 63) / 64 * 64;
}

static void pack(const avp_integer_weights *weights, void *packed) {
  const size_t outputs = weights->shape.outputs;
  const packed_parts parts = parts_of(&weights->shape, packed);
  memcpy(parts.bias, weights->bias, 4 * outputs);
  memcpy(parts.shift, weights->shift, 4 * outputs);
  memcpy(parts.multiplier, weights->multiplier, 2 * outputs);
  memcpy(parts.weights, weights->weights, outputs * depth_of(&weights->shape));
}

static void frame(const uint8_t *image, int size, const uint8_t outside[3], void *framed) {
  uint8_t *out = framed;
  for (int y = -3; y < size + 3; y++)
    for (int x = -3; x < size + 3; x++)
      for (int channel = 0; channel < 3; channel++) {
        const int inside = y >= 0 && x >= 0 && y < size && x < size;
        *out++ = inside ? image[((long)y * size + x) * 3 + channel] : outside[channel];
      }
  memset(out, 0, AVP_FRAME_PADDING);
}

static int clamp(int64_t value, int least, int most) {
  return (int)(value < least ? least : value > most ? most : value);
}

/// The sum of one output value: of the window whose first row and column are `top` and `left`.
static int64_t window_sum(
    const avp_integer_convolution *c, const packed_parts *parts, int image, int top, int left,
    int output) {
  const int kernel = c->shape.kernel, inputs = c->shape.inputs;
  // A framed image begins 3 pixels further out, and a window never leaves it.
  const int frame = kernel == 7 ? 3 : 0, size = c->size + 2 * frame;
  const int8_t *weights = parts->weights + output * depth_of(&c->shape);
  int64_t sum = parts->bias[output];
  for (int row = 0; row < kernel; row++)
    for (int column = 0; column < kernel; column++, weights += inputs) {
      const int y = top + row + frame, x = left + column + frame;
      if (y < 0 || x < 0 || y >= size || x >= size) continue;
      const uint8_t *bytes =
          (const uint8_t *)c->input + (((long)image * size + y) * size + x) * inputs;
      for (int input = 0; input < inputs; input++) sum += weights[input] * bytes[input];
    }
  return sum;
}

/// What leaves for one output value, at `index` of the output.
static void finish(
    const avp_integer_convolution *c, const packed_parts *parts, int output, int64_t sum,
    size_t index) {
  const int t = clamp(sum >> parts->shift[output], -32768, 32767);
  int word = (t * parts->multiplier[output] + 16384) >> 15;
  if (c->add == AVP_ADD_BYTES)
    word += (((const uint8_t *)c->residual)[index] * c->residual_multiplier) >> 8;
  if (c->add == AVP_ADD_WORDS) word += ((const int16_t *)c->residual)[index];
  word = clamp(word, -32768, 32767);
  if (c->to == AVP_TO_WORDS) ((int16_t *)c->output)[index] = (int16_t)word;
  else ((uint8_t *)c->output)[index] = (uint8_t)clamp((word + 32) >> AVP_FRACTION_BITS, 0, 255);
}

static int class_of(const avp_integer_shape *shape) {
  if (shape->kernel == 7) return AVP_CLASS_STEM;
  if (shape->kernel == 1) return AVP_CLASS_POINTWISE;
  return shape->stride == 1 ? AVP_CLASS_PRODUCTS : AVP_CLASS_STRIDED;
}

static void convolve(const avp_integer_convolution *c, const avp_integer_scratch *scratch) {
  const double start = avp_seconds();
  const int stride = c->shape.stride, output_size = (c->size + stride - 1) / stride;
  const packed_parts parts = parts_of(&c->shape, c->weights);
  size_t index = 0;
  for (int image = 0; image < c->images; image++)
    for (int y = 0; y < output_size; y++)
      for (int x = 0; x < output_size; x++)
        for (int output = 0; output < c->shape.outputs; output++, index++) {
          const int top = y * stride - c->shape.kernel / 2, left = x * stride - c->shape.kernel / 2;
          finish(c, &parts, output, window_sum(c, &parts, image, top, left, output), index);
        }
  if (scratch->timing)
    avp_add_time(
        scratch->timing, class_of(&c->shape), avp_seconds() - start,
        2.0 * (double)index * (double)depth_of(&c->shape));
}

static void max_pool(
    const void *input, int size, int output_size, int channels, int offset, void *output) {
  uint8_t *out = output;
  for (int y = 0; y < output_size; y++)
    for (int x = 0; x < output_size; x++)
      for (int channel = 0; channel < channels; channel++) {
        uint8_t most = 0;
        for (int row = 2 * y + offset; row < 2 * y + offset + 3; row++)
          for (int column = 2 * x + offset; column < 2 * x + offset + 3; column++) {
            if (row < 0 || column < 0 || row >= size || column >= size) continue;
            const uint8_t byte =
                ((const uint8_t *)input)[((long)row * size + column) * channels + channel];
            if (byte > most) most = byte;
          }
        *out++ = most;
      }
}

static void channel_sums(const void *map, int pixels, int channels, uint32_t *sums) {
  for (int channel = 0; channel < channels; channel++) {
    sums[channel] = 0;
    for (int pixel = 0; pixel < pixels; pixel++)
      sums[channel] += ((const uint8_t *)map)[(long)pixel * channels + channel];
  }
}

/// One product at a time, as above.
static double burst(long rounds) {
  volatile int8_t weight = 3;
  volatile uint8_t byte = 5;
  int64_t sum = 0;
  for (long round = 0; round < rounds; round++) sum += weight * byte;
  volatile int64_t sink = sum;
  (void)sink;
  return 2.0 * (double)rounds;
}

static const avp_integer_kernels kernels = {
  .activation = 1,
  .packed_bytes = packed_bytes,
  .pack = pack,
  .frame = frame,
  .convolve = convolve,
  .max_pool = max_pool,
  .channel_sums = channel_sums,
  .byte_burst = burst,
  .word_burst = burst,
};

const avp_integer_kernels *avp_integers_reference(void) { return &kernels; }

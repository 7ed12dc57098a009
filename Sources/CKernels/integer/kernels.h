// All integer kernels of one instruction set, as a table.
#include "convolve.h"
#include "winograd.h"

static void convolve(const avp_integer_convolution *c, const avp_integer_scratch *scratch) {
  const int is_square = c->shape.kernel == 3 && c->shape.stride == 1;
  const int tiles = is_square ? tiles_of_block(c, scratch) : 0;
  if (tiles > 0) convolve_winograd(c, scratch, tiles);
  else convolve_direct(c, scratch);
}

#if BYTE_DOT
typedef uint8_t activation;
typedef bytes activations;
#else
typedef int16_t activation;
typedef words activations;
#endif
typedef activation some_activations __attribute__((ext_vector_type(LANES)));

/// Fills a row of the frame with `pixels` pixels of what lies outside.
static activation *fill_outside(activation *out, int pixels, const uint8_t outside[3]) {
  for (int i = 0; i < pixels; i++)
    for (int channel = 0; channel < 3; channel++) *out++ = outside[channel];
  return out;
}

static void frame(const uint8_t *image, int size, const uint8_t outside[3], void *framed) {
  activation *out = fill_outside(framed, 3 * (size + 6), outside);
  for (int y = 0; y < size; y++, image += 3L * size) {
    out = fill_outside(out, 3, outside);
    for (int i = 0; i < 3 * size; i++) out[i] = image[i];
    out = fill_outside(out + 3L * size, 3, outside);
  }
  out = fill_outside(out, 3 * (size + 6), outside);
  memset(out, 0, AVP_FRAME_PADDING * sizeof(activation));
}

static void max_pool(
    const void *input, int size, int output_size, int channels, int offset, void *output) {
  const long pixel_bytes = (long)channels * ACTIVATION, row_bytes = size * pixel_bytes;
  char *out = output;
  for (int y = 0; y < output_size; y++) {
    const int top = 2 * y + offset;
    for (int x = 0; x < output_size; x++, out += pixel_bytes) {
      const int left = 2 * x + offset;
      for (long at = 0; at < pixel_bytes; at += sizeof(activations)) {
        activations most = (activations)(0);  // no activation is less
        for (int row = top < 0 ? 0 : top; row < top + 3 && row < size; row++)
          for (int column = left < 0 ? 0 : left; column < left + 3 && column < size; column++) {
            activations value;
            const char *pixel = (const char *)input + row * row_bytes + column * pixel_bytes;
            memcpy(&value, pixel + at, sizeof value);
            most = __builtin_elementwise_max(most, value);
          }
        memcpy(out + at, &most, sizeof most);
      }
    }
  }
}

static void channel_sums(const void *map, int pixels, int channels, uint32_t *result) {
  for (int first = 0; first < channels; first += LANES) {
    const char *at = (const char *)map + (long)first * ACTIVATION;
    sums total = (sums)(0);
    for (int pixel = 0; pixel < pixels; pixel++, at += (long)channels * ACTIVATION) {
      some_activations value;
      memcpy(&value, at, sizeof value);
      total += __builtin_convertvector(value, sums);
    }
    store_sums(result + first, total);
  }
}

/// A tile's products with operands in registers; a round has one for each of its sums.
INLINE double burst(const int in_bytes, long rounds) {
  sums sum[ROW_TILE][VECTORS], factor[VECTORS], group = (sums)(1);
  UNROLLED for (int v = 0; v < VECTORS; v++) {
    factor[v] = (sums)(v);
    HIDE(factor[v]);
    UNROLLED for (int r = 0; r < ROW_TILE; r++) sum[r][v] = (sums)(r);
  }
  for (long round = 0; round < rounds; round++) {
    UNROLLED for (int r = 0; r < ROW_TILE; r++) {
      // Each row has a factor of its own, as far as the compiler knows: no two products are one.
      HIDE(group);
      UNROLLED for (int v = 0; v < VECTORS; v++)
        sum[r][v] = in_bytes ? DOT_BYTES(sum[r][v], group, factor[v])
                             : dot_words(sum[r][v], group, factor[v]);
    }
  }
  sums total = (sums)(0);
  UNROLLED for (int r = 0; r < ROW_TILE; r++)
    UNROLLED for (int v = 0; v < VECTORS; v++) total ^= sum[r][v];
  volatile int32_t sink = total[0];
  (void)sink;
  return 2.0 * ROW_TILE * PANEL * (in_bytes ? 4 : 2) * (double)rounds;
}

static double byte_burst(long rounds) { return burst(BYTE_DOT, rounds); }
static double word_burst(long rounds) { return burst(0, rounds); }

static const avp_integer_kernels kernels = {
  .activation = ACTIVATION,
  .packed_bytes = packed_bytes,
  .pack = pack,
  .frame = frame,
  .convolve = convolve,
  .max_pool = max_pool,
  .channel_sums = channel_sums,
  .byte_burst = byte_burst,
  .word_burst = word_burst,
};

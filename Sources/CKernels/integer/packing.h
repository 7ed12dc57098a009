// How a convolution is kept: a head, what becomes of the sums of each panel, the weights of the
// direct form, and for a 3x3 convolution of stride 1 room for Winograd's.
#ifndef AVP_INTEGER_PACKING_H
#define AVP_INTEGER_PACKING_H

#include "product.h"

enum {
  /// conv1's taps are rows of the window: 7 pixels of 3 activations, and 3 more for whole groups.
  STEM_TAPS = 7,
  STEM_DEPTH = 24,
  STEM_REAL_DEPTH = 21,
  /// Slots of a Winograd tile.
  SLOTS = 36,
  /// Sums that leave Winograd's products are scaled by 2^SCALE_BITS.
  SCALE_BITS = 6,
  HEAD_BYTES = 64,
};

/// What a packed convolution begins with.
typedef struct {
  int has_winograd;
} packed_head;

/// Where a packed convolution has its parts.
typedef struct {
  quantiser *quantiser;
  char *direct, *winograd;
  size_t bytes;
} packed_parts;

INLINE int tap_count(const avp_integer_shape *shape) {
  return shape->kernel == 7 ? STEM_TAPS : shape->kernel * shape->kernel;
}

/// Activations of a tap, as they are read.
INLINE int tap_depth(const avp_integer_shape *shape) {
  return shape->kernel == 7 ? STEM_DEPTH : shape->inputs;
}

/// Bytes of the weights that one Winograd slot is multiplied with.
INLINE long slot_matrix_bytes(const avp_integer_shape *shape) {
  return 2L * shape->inputs * shape->outputs;
}

static packed_parts parts_of(const avp_integer_shape *shape, const void *packed) {
  packed_parts parts;
  size_t at = HEAD_BYTES;
  parts.quantiser = (quantiser *)((char *)packed + at);
  at += (size_t)shape->outputs / PANEL * sizeof(quantiser);
  parts.direct = (char *)packed + at;
  at += (size_t)tap_count(shape) * tap_depth(shape) * shape->outputs * ACTIVATION;
  parts.winograd = (char *)packed + at;
  if (shape->kernel == 3 && shape->stride == 1) at += (size_t)SLOTS * slot_matrix_bytes(shape);
  parts.bytes = at;
  return parts;
}

static size_t packed_bytes(const avp_integer_shape *shape) {
  static char anything;
  return parts_of(shape, &anything).bytes;
}

/// The vector of a panel and the lane in it whose sum is of `channel` of the panel.
static void find_lane(int channel, int *vector, int *lane) {
  for (*vector = 0; *vector < VECTORS; ++*vector)
    for (*lane = 0; *lane < LANES; ++*lane)
      if (lane_channel(*vector, *lane) == channel) return;
}

/// The place of a weight among the words of a vector of weights, for the first or the second word
/// of a group.
INLINE int word_place(int lane, int second) {
  return SPLIT_PAIRS ? second * LANES + lane : 2 * lane + second;
}

static void pack_quantiser(const avp_integer_weights *weights, int panel, quantiser *q) {
  for (int v = 0; v < VECTORS; v++)
    for (int lane = 0; lane < LANES; lane++) {
      const int output = panel * PANEL + lane_channel(v, lane);
      q->bias[v][lane] = weights->bias[output];
      q->shift[v][lane] = weights->shift[output];
      q->scaled_bias[v][lane] = (int32_t)((uint32_t)weights->bias[output] << SCALE_BITS);
      q->scaled_shift[v][lane] = weights->shift[output] + SCALE_BITS;
    }
  for (int pair = 0; pair < PAIRS; pair++)
    for (int place = 0; place < 2 * LANES; place++)
      q->multiplier[pair][place] =
          weights->multiplier[panel * PANEL + word_channel(pair, place)];
}

/// Packs the weights of one output: [panel][tap][group][vector][lane], of which each has a group.
static void pack_direct(const avp_integer_weights *weights, int output, char *packed) {
  const avp_integer_shape *shape = &weights->shape;
  const int taps = tap_count(shape), depth = tap_depth(shape);
  const int real_depth = shape->kernel == 7 ? STEM_REAL_DEPTH : depth;
  const int in_group = GROUP / ACTIVATION;
  const int8_t *weight = weights->weights + (size_t)output * taps * real_depth;
  int vector, lane;
  find_lane(output % PANEL, &vector, &lane);
  packed += (size_t)(output / PANEL) * taps * depth * PANEL * ACTIVATION + vector * sizeof(sums);
  for (int tap = 0; tap < taps; tap++, packed += (size_t)depth * PANEL * ACTIVATION)
    for (int i = 0; i < real_depth; i++) {
      char *group = packed + (size_t)(i / in_group) * PANEL * GROUP;
      if (BYTE_DOT) ((int8_t *)group)[lane * GROUP + i % GROUP] = *weight++;
      else ((int16_t *)group)[word_place(lane, i % 2)] = *weight++;
    }
}

/// The transform of a row of weights, times 6, and by 2 where that has no fraction:
/// 49 * 127, the most that two of them make of a window, fits a word.
static const int weight_transform[6][3] = {{6, 0, 0},  {-1, -1, -1}, {-1, 1, -1},
                                           {1, 2, 4},  {1, -2, 4},   {0, 0, 6}};

/// Packs Winograd's weights of one output: 36 matrices [panel][group][vector][lane][2].
static void pack_winograd(const avp_integer_weights *weights, int output, char *packed) {
  const avp_integer_shape *shape = &weights->shape;
  const int inputs = shape->inputs;
  const int8_t *window = weights->weights + (size_t)output * 9 * inputs;
  int vector, lane;
  find_lane(output % PANEL, &vector, &lane);
  packed += (size_t)(output / PANEL) * inputs * PANEL * 2 + vector * sizeof(sums);
  for (int input = 0; input < inputs; input++) {
    char *group = packed + (size_t)(input / 2) * PANEL * GROUP;
    int columns[3][6];  // the transform of each row of the window
    for (int row = 0; row < 3; row++)
      for (int j = 0; j < 6; j++) {
        columns[row][j] = 0;
        for (int k = 0; k < 3; k++)
          columns[row][j] += weight_transform[j][k] * window[(row * 3 + k) * inputs + input];
      }
    for (int slot = 0; slot < SLOTS; slot++) {
      const int *factors = weight_transform[slot / 6];
      int sum = 0;
      for (int row = 0; row < 3; row++) sum += factors[row] * columns[row][slot % 6];
      int16_t *matrix = (int16_t *)(group + slot * slot_matrix_bytes(shape));
      matrix[word_place(lane, input % 2)] = (int16_t)sum;
    }
  }
}

static void pack(const avp_integer_weights *weights, void *packed) {
  const avp_integer_shape *shape = &weights->shape;
  const packed_parts parts = parts_of(shape, packed);
  packed_head *head = packed;
  head->has_winograd = avp_fits_winograd(weights);
  for (int panel = 0; panel < shape->outputs / PANEL; panel++)
    pack_quantiser(weights, panel, parts.quantiser + panel);
  for (int output = 0; output < shape->outputs; output++) {
    pack_direct(weights, output, parts.direct);
    if (head->has_winograd) pack_winograd(weights, output, parts.winograd);
  }
}

#endif

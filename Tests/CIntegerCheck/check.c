// Compares integer kernels with the reference, output by output.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CIntegerCheck.h"

/// What operands are like.
enum { ORDINARY, SPARSE, LARGEST, LEAST, SIGNS, OPERANDS };

/// A case of a convolution.
typedef struct {
  avp_integer_shape shape;
  int images, size, to, add, in_place, operands, ratio;
  size_t tile_bytes;
} check_case;

typedef struct {
  const avp_integer_kernels *kernels;
  uint64_t random;
  char *message;
  size_t capacity;
  int order[AVP_INTEGER_CHANNELS];  ///< the channel of each word of the table's order
} checker;

enum {
  GUARD = 256,  ///< bytes beyond an output that nobody may write
  GUARD_BYTE = 0xa5,
};

static uint64_t next_random(checker *check) {
  check->random ^= check->random << 13;
  check->random ^= check->random >> 7;
  return check->random ^= check->random << 17;
}

static int below(checker *check, int bound) { return (int)(next_random(check) % (uint64_t)bound); }

/// Memory aligned to 64 bytes, of zeros, with a guard behind it.
static void *take(size_t bytes) {
  const size_t whole = (bytes + GUARD + 63) / 64 * 64;
  uint8_t *memory = aligned_alloc(64, whole);
  if (!memory) abort();
  memset(memory, 0, bytes);
  memset(memory + bytes, GUARD_BYTE, whole - bytes);
  return memory;
}

static int guard_holds(const void *memory, size_t bytes) {
  for (int i = 0; i < GUARD; i++)
    if (((const uint8_t *)memory)[bytes + i] != GUARD_BYTE) return 0;
  return 1;
}

static void fill_bytes(checker *check, uint8_t *out, size_t count, int operands) {
  for (size_t i = 0; i < count; i++) {
    const uint64_t r = next_random(check);
    switch (operands) {
    case SPARSE: out[i] = r & 0x300 ? 0 : (uint8_t)r; break;
    case LARGEST: case LEAST: out[i] = 255; break;
    case SIGNS: out[i] = r & 256 ? 255 : 0; break;
    default: out[i] = (uint8_t)r;
    }
  }
}

static int8_t any_weight(checker *check, int operands) {
  const uint64_t r = next_random(check);
  switch (operands) {
  case SPARSE: return (int8_t)(r & 0x700 ? 0 : r % 255 - 127);
  case LARGEST: return 127;
  case LEAST: return -127;
  case SIGNS: return r & 256 ? 127 : -127;
  default: return (int8_t)((int)(r % 61) - 30);
  }
}

/// Random operands within what docs/int8.md allows.
static avp_integer_weights make_weights(checker *check, avp_integer_shape shape, int operands) {
  const size_t depth = (size_t)shape.kernel * shape.kernel * shape.inputs;
  int8_t *weights = take(depth * shape.outputs), *next = weights;
  int32_t *bias = take(4 * shape.outputs), *shift = take(4 * shape.outputs);
  int16_t *multiplier = take(2 * shape.outputs);
  for (int output = 0; output < shape.outputs; output++) {
    int64_t room = INT32_MAX;
    for (size_t k = 0; k < depth; k++, next++) {
      *next = any_weight(check, operands);
      room -= 255 * abs(*next);
    }
    // Most outputs lie in the range of a word, so that their low bits show; others anywhere.
    int usual = 0;
    while (usual < AVP_MOST_SHIFT && (INT32_MAX - room) >> usual > (1 << 17)) usual++;
    const int kind = below(check, 16);
    shift[output] = kind < 12 ? usual : below(check, AVP_MOST_SHIFT + 1);
    if (kind == 12) shift[output] = 0;
    if (kind == 13) shift[output] = AVP_MOST_SHIFT;
    multiplier[output] = (int16_t)(2000 + below(check, 8000));
    if (kind == 1) multiplier[output] = 32767;
    if (kind == 2) multiplier[output] = 0;
    if (kind > 2 && kind < 6) multiplier[output] = (int16_t)below(check, 32768);
    bias[output] = below(check, 20001) - 10000;
    // Sums at both ends of 32 bits; not where that takes Winograd's method away from all others.
    if (shape.kernel != 3 || shape.stride == 2) {
      if (kind == 15) bias[output] = (int32_t)room;
      if (kind == 14) bias[output] = (int32_t)-room;
    }
  }
  return (avp_integer_weights){shape, weights, bias, shift, multiplier};
}

static void free_weights(const avp_integer_weights *w) {
  free((void *)w->weights), free((void *)w->bias), free((void *)w->shift);
  free((void *)w->multiplier);
}

/// Bytes as activations of the table.
static void *as_activations(const avp_integer_kernels *kernels, const uint8_t *from, size_t count) {
  uint8_t *out = take(count * kernels->activation);
  for (size_t i = 0; i < count; i++) {
    if (kernels->activation == 1) out[i] = from[i];
    else ((int16_t *)out)[i] = from[i];
  }
  return out;
}

static int activation_at(const avp_integer_kernels *kernels, const void *map, size_t index) {
  return kernels->activation == 1 ? ((const uint8_t *)map)[index] : ((const int16_t *)map)[index];
}

/// Where the table keeps the word that the reference has at `index`.
static size_t word_index(const checker *check, size_t index) {
  for (int i = 0; i < AVP_INTEGER_CHANNELS; i++)
    if (check->order[i] == (int)(index % AVP_INTEGER_CHANNELS))
      return index / AVP_INTEGER_CHANNELS * AVP_INTEGER_CHANNELS + i;
  abort();
}

static int fails(checker *check, const check_case *c, const char *what, size_t index) {
  snprintf(
      check->message, check->capacity,
      "%dx%d/%d, %d -> %d channels, %d images of size %d, to %d, add %d, in place %d, operands %d, "
      "%zu bytes of tiles: %s at %zu",
      c->shape.kernel, c->shape.kernel, c->shape.stride, c->shape.inputs, c->shape.outputs,
      c->images, c->size, c->to, c->add, c->in_place, c->operands, c->tile_bytes, what, index);
  return 0;
}

/// Packs for a table and convolves.
static void run(
    const avp_integer_kernels *kernels, const avp_integer_weights *weights,
    avp_integer_convolution convolution, size_t tile_bytes) {
  const int most = convolution.shape.inputs > convolution.shape.outputs ? convolution.shape.inputs
                                                                        : convolution.shape.outputs;
  void *packed = take(kernels->packed_bytes(&weights->shape));
  kernels->pack(weights, packed);
  avp_integer_scratch scratch = {
    .rows = take(AVP_INTEGER_ROWS * sizeof(void *)), .transformed = take(tile_bytes),
    .products = take(tile_bytes), .tile_bytes = tile_bytes, .zeros = take(2 * most),
  };
  convolution.weights = packed;
  kernels->convolve(&convolution, &scratch);
  if (!guard_holds(packed, kernels->packed_bytes(&weights->shape))
      || !guard_holds(scratch.rows, AVP_INTEGER_ROWS * sizeof(void *))
      || !guard_holds(scratch.transformed, tile_bytes)
      || !guard_holds(scratch.products, tile_bytes))
    abort();
  free(packed), free(scratch.rows), free(scratch.transformed), free(scratch.products);
  free((void *)scratch.zeros);
}

static int check_convolution(checker *check, const check_case *c) {
  const avp_integer_kernels *const reference = avp_integers_reference();
  const avp_integer_kernels *const kernels = check->kernels;
  const avp_integer_shape *shape = &c->shape;
  const int output_size = (c->size + shape->stride - 1) / shape->stride;
  const size_t outputs = (size_t)c->images * output_size * output_size * shape->outputs;
  const int framed_size = c->size + 6;
  const size_t inputs = shape->kernel == 7
      ? (size_t)framed_size * framed_size * 3 + AVP_FRAME_PADDING
      : (size_t)c->images * c->size * c->size * shape->inputs;
  const avp_integer_weights weights = make_weights(check, *shape, c->operands);
  uint8_t *bytes = take(inputs), *shortcut = take(outputs);
  fill_bytes(check, bytes, inputs, c->operands);
  fill_bytes(check, shortcut, outputs, c->operands);
  int16_t *words = take(2 * outputs), *ordered_words = take(2 * outputs);
  for (size_t i = 0; i < outputs; i++) {
    const int kind = below(check, 16);
    words[i] = (int16_t)(kind == 0 ? 32767 : kind == 1 ? -32768 : below(check, 40000) - 20000);
    ordered_words[word_index(check, i)] = words[i];
  }
  avp_integer_convolution convolution = {
    .shape = *shape, .images = c->images, .size = c->size, .to = c->to, .add = c->add,
    .residual_multiplier = c->ratio,
  };
  const int wide = c->to == AVP_TO_WORDS ? 2 : 1;
  void *want = take(outputs * 2), *input = as_activations(kernels, bytes, inputs);
  void *residual = c->add == AVP_ADD_WORDS ? (void *)ordered_words
                                           : as_activations(kernels, shortcut, outputs);
  const size_t got_bytes = outputs * (c->to == AVP_TO_WORDS ? 2 : kernels->activation);
  void *fresh = take(got_bytes), *got = c->in_place ? residual : fresh;
  convolution.input = bytes, convolution.output = want;
  convolution.residual = c->add == AVP_ADD_WORDS ? (void *)words : shortcut;
  run(reference, &weights, convolution, 64);
  convolution.input = input, convolution.output = got, convolution.residual = residual;
  run(kernels, &weights, convolution, c->tile_bytes);
  int good = 1;
  for (size_t i = 0; good && i < outputs; i++) {
    const int equal = wide == 2
        ? ((int16_t *)got)[word_index(check, i)] == ((int16_t *)want)[i]
        : activation_at(kernels, got, i) == ((uint8_t *)want)[i];
    if (!equal) good = fails(check, c, "a difference", i);
  }
  if (good && !guard_holds(got, got_bytes)) good = fails(check, c, "a write beyond the end", 0);
  free_weights(&weights);
  free(bytes), free(shortcut), free(words), free(want), free(input), free(fresh);
  if (residual != ordered_words) free(residual);
  free(ordered_words);
  return good;
}

/// Finds the table's order of words: every word holds the number of its channel.
static int find_order(checker *check) {
  const avp_integer_shape shape = {AVP_INTEGER_CHANNELS, AVP_INTEGER_CHANNELS, 1, 1};
  const avp_integer_weights weights = {
    shape, take(AVP_INTEGER_CHANNELS * AVP_INTEGER_CHANNELS), take(4 * AVP_INTEGER_CHANNELS),
    take(4 * AVP_INTEGER_CHANNELS), take(2 * AVP_INTEGER_CHANNELS)};
  for (int i = 0; i < AVP_INTEGER_CHANNELS; i++) {
    ((int32_t *)weights.bias)[i] = i;
    ((int16_t *)weights.multiplier)[i] = 32767;
  }
  void *input = take(2 * AVP_INTEGER_CHANNELS);
  int16_t *output = take(2 * AVP_INTEGER_CHANNELS);
  const avp_integer_convolution convolution = {
    .shape = shape, .images = 1, .size = 1, .input = input, .output = output, .to = AVP_TO_WORDS};
  run(check->kernels, &weights, convolution, 64);
  uint64_t seen = 0;
  for (int i = 0; i < AVP_INTEGER_CHANNELS; i++) {
    check->order[i] = output[i];
    if (output[i] >= 0 && output[i] < AVP_INTEGER_CHANNELS) seen |= (uint64_t)1 << output[i];
  }
  free_weights(&weights);
  free(input), free(output);
  if (seen == UINT64_MAX) return 1;
  snprintf(check->message, check->capacity, "words are not in an order of the channels");
  return 0;
}

/// Framing, pooling and sums of one size.
static int check_maps(checker *check, int size, int channels) {
  const avp_integer_kernels *const reference = avp_integers_reference();
  const avp_integer_kernels *const kernels = check->kernels;
  const size_t pixels = (size_t)size * size, framed = (size_t)(size + 6) * (size + 6) * 3;
  const size_t outputs = (pixels + 2 * size + 1) * channels;  // more than any of the poolings has
  uint8_t *image = take(pixels * 3), *want = take(framed + AVP_FRAME_PADDING);
  uint8_t *bytes = take(pixels * channels), *pooled = take(outputs);
  const uint8_t outside[3] = {below(check, 256), below(check, 256), below(check, 256)};
  fill_bytes(check, image, pixels * 3, ORDINARY);
  fill_bytes(check, bytes, pixels * channels, below(check, OPERANDS));
  void *got = take((framed + AVP_FRAME_PADDING) * kernels->activation);
  reference->frame(image, size, outside, want);
  kernels->frame(image, size, outside, got);
  const char *wrong = NULL;
  for (size_t i = 0; i < framed + AVP_FRAME_PADDING; i++)
    if (activation_at(kernels, got, i) != want[i]) wrong = "a frame";
  if (!guard_holds(got, (framed + AVP_FRAME_PADDING) * kernels->activation))
    wrong = "a frame's end";
  void *map = as_activations(kernels, bytes, pixels * channels);
  uint32_t *want_sums = take(4 * channels), *sums = take(4 * channels);
  reference->channel_sums(bytes, (int)pixels, channels, want_sums);
  kernels->channel_sums(map, (int)pixels, channels, sums);
  if (memcmp(want_sums, sums, 4 * channels)) wrong = "channel sums";
  if (!guard_holds(sums, 4 * channels)) wrong = "the end of channel sums";
  for (int offset = -1; offset <= 0; offset++) {
    const int output_size = (size + 1) / 2;
    const size_t count = (size_t)output_size * output_size * channels;
    void *out = take(count * kernels->activation);
    reference->max_pool(bytes, size, output_size, channels, offset, pooled);
    kernels->max_pool(map, size, output_size, channels, offset, out);
    for (size_t i = 0; i < count; i++)
      if (activation_at(kernels, out, i) != pooled[i]) wrong = "max-pooling";
    if (!guard_holds(out, count * kernels->activation)) wrong = "the end of max-pooling";
    free(out);
  }
  free(image), free(want), free(bytes), free(pooled), free(got), free(map), free(want_sums);
  free(sums);
  if (wrong)
    snprintf(
        check->message, check->capacity, "size %d, %d channels: %s", size, channels, wrong);
  return !wrong;
}

/// Room for some Winograd tiles.
static size_t tile_bytes(const avp_integer_shape *shape, int tiles) {
  const int most = shape->inputs > shape->outputs ? shape->inputs : shape->outputs;
  return (size_t)36 * (4 * most + (tiles > 1 ? 64 : 0)) * tiles;
}

/// Every size with 3x3 windows, once with few tiles and once with enough for Winograd's method.
static int check_squares(checker *check) {
  for (int size = 1; size <= 17; size++)
    for (int many = 0; many < 2; many++) {
      const int side = (size + 3) / 4, enough = (16 + side * side - 1) / (side * side);
      check_case c = {
        .shape = {64, 64, 3, 1}, .images = many ? enough : 1, .size = size,
        .to = size % 5 == 0 ? AVP_TO_WORDS : AVP_TO_BYTES, .operands = size % OPERANDS};
      if (!many && size > 12) continue;
      c.tile_bytes = tile_bytes(&c.shape, 1 + size * 7 % 40);
      if (!check_convolution(check, &c)) return 0;
      if (many) continue;
      c.shape.stride = 2, c.images = 2, c.to = AVP_TO_BYTES + AVP_TO_WORDS - c.to;
      if (!check_convolution(check, &c)) return 0;
    }
  // Sums that are too large for Winograd's method, and those that just fit.
  for (int operands = LARGEST; operands <= LEAST; operands++)
    for (int inputs = 64; inputs <= 128; inputs += 64) {
      check_case c = {
        .shape = {inputs, 64, 3, 1}, .images = 1, .size = 13, .to = AVP_TO_WORDS,
        .operands = operands};
      c.tile_bytes = tile_bytes(&c.shape, 20);
      if (!check_convolution(check, &c)) return 0;
    }
  return 1;
}

static int check_pointwise(checker *check) {
  for (int size = 1; size <= 17; size++)
    for (int way = 0; way < 6; way++) {
      check_case c = {
        .shape = {64 << size % 3, 64 << way % 3, 1, 1 + size % 2}, .images = 1 + size % 3,
        .size = size, .to = way % 2, .add = way / 2, .operands = (size + way) % OPERANDS,
        .ratio = way == size % 4 ? 32767 : below(check, 32768), .tile_bytes = 64};
      if (!check_convolution(check, &c)) return 0;
      // An output in the place of its shortcut.
      if (c.add == AVP_ADD_BYTES && c.to == AVP_TO_BYTES) {
        c.in_place = 1;
        if (!check_convolution(check, &c)) return 0;
      }
    }
  return 1;
}

static int check_stem(checker *check) {
  for (int size = 1; size <= 17; size++) {
    const check_case c = {
      .shape = {3, 64 << size % 2, 7, 2}, .images = 1, .size = size, .to = size % 3 == 0,
      .operands = size % OPERANDS, .tile_bytes = 64};
    if (!check_convolution(check, &c)) return 0;
  }
  return 1;
}

static int check_random(checker *check) {
  static const int kernels[4] = {1, 3, 3, 7};
  const int kernel = kernels[below(check, 4)];
  check_case c = {
    .shape = {
      .inputs = kernel == 7 ? 3 : 64 * (1 + below(check, kernel == 1 ? 4 : 2)),
      .outputs = 64 * (1 + below(check, kernel == 1 ? 4 : 2)), .kernel = kernel,
      .stride = kernel == 7 ? 2 : 1 + below(check, 2)},
    .images = kernel == 7 ? 1 : 1 + below(check, 4), .size = 1 + below(check, 10),
    .to = below(check, 2), .add = kernel == 1 ? below(check, 3) : AVP_ADD_NOTHING,
    .operands = below(check, OPERANDS), .ratio = below(check, 32768)};
  c.tile_bytes = tile_bytes(&c.shape, 1 + below(check, 40));
  return check_convolution(check, &c) && check_maps(check, c.size, 64 * (1 + below(check, 4)));
}

int avp_check_integers(
    const avp_integer_kernels *kernels, unsigned seed, int rounds, char *message, size_t capacity) {
  checker check = {
    .kernels = kernels, .random = seed * 2654435761u + 88172645463325252u, .message = message,
    .capacity = capacity};
  if (!find_order(&check)) return 0;
  for (int size = 1; size <= 17; size++)
    if (!check_maps(&check, size, 64 << size % 3)) return 0;
  if (!check_squares(&check) || !check_pointwise(&check) || !check_stem(&check)) return 0;
  for (int round = 0; round < rounds; round++)
    if (!check_random(&check)) return 0;
  return 1;
}

// Matrix products of whole numbers: rows read in place through pointers, weights in panels; and
// what becomes of the sums on their way out.
#ifndef AVP_INTEGER_PRODUCT_H
#define AVP_INTEGER_PRODUCT_H

#include "../include/integers.h"
#include "vector.h"

enum {
  /// Rows of a tile, whose sums live in registers.
  ROW_TILE = 6,
  /// Bytes of a group of activations, and of the weights of one output for it.
  GROUP = 4,
  /// Bytes of a cache line.
  LINE = 64,
  /// Groups between two requests for the next panel, and the lines that each asks for: a quarter of
  /// what a tile reads.
  STEPS = 4,
  PREFETCHED_LINES = PANEL * GROUP / LINE,
  /// The parts in which tiles ask for the next panel.
  PREFETCH_PARTS = 4,
};

/// How the sums of a panel become words, lane by lane.
typedef struct {
  int32_t bias[VECTORS][LANES];
  int32_t shift[VECTORS][LANES];
  int32_t scaled_bias[VECTORS][LANES];   ///< the same for sums times 2^SCALE_BITS
  int32_t scaled_shift[VECTORS][LANES];
  int16_t multiplier[PAIRS][2 * LANES];  ///< in the order after the first packing
} __attribute__((aligned(64))) quantiser;

/// What leaves, and where.
typedef struct {
  int to, add;
  char *output;
  long output_stride;    ///< bytes
  const char *residual;  ///< what is added
  long residual_stride;
  int ratio;             ///< the multiplier of added bytes
} way_out;

/// Bytes that `channels` channels take in the output.
INLINE long output_bytes(const int to, const int channels) {
  return (long)channels * (to == AVP_TO_WORDS ? 2 : ACTIVATION);
}

INLINE long residual_bytes(const int add, const int channels) {
  return (long)channels * (add == AVP_ADD_WORDS ? 2 : ACTIVATION);
}

/// Sums of a panel as words.
INLINE void to_words(
    const sums *sum, const int32_t (*shift)[LANES], const quantiser *q, words *out) {
  UNROLLED for (int pair = 0; pair < PAIRS; pair++) {
    const sums first = sum[2 * pair] >> load_sums(shift[2 * pair]);
    const sums second = sum[2 * pair + 1] >> load_sums(shift[2 * pair + 1]);
    out[pair] = scaled(pack_words(first, second), load_words(q->multiplier[pair]));
  }
}

/// The panel's bytes of a shortcut, times the ratio.
INLINE void load_shortcut(const char *at, const words ratio, words *out) {
#if BYTE_DOT && VECTORS == 4
  const bytes shortcut = load_bytes(at);
  out[0] = high_product(raise_low(shortcut), ratio);
  out[1] = high_product(raise_high(shortcut), ratio);
#else
  UNROLLED for (int pair = 0; pair < PAIRS; pair++)
    out[pair] = high_product(load_activations(at + pair * 2 * LANES * ACTIVATION) << 8, ratio);
#endif
}

/// Writes the bytes of a panel's words.
INLINE void store_activations(const words *word, char *out) {
  // A product with 2^9 rounds the fraction bits off.
  const words rounding = (words)(1 << (15 - AVP_FRACTION_BITS));
#if BYTE_DOT && VECTORS == 4
  store_bytes(out, pack_bytes(scaled(word[0], rounding), scaled(word[1], rounding)));
#elif BYTE_DOT
  const words least = (words)(0), most = (words)(255);
  const words rounded = scaled(word[0], rounding);
  const words clamped = __builtin_elementwise_min(__builtin_elementwise_max(rounded, least), most);
  store_half_bytes(out, __builtin_convertvector(clamped, half_bytes));
#else
  const words least = (words)(0), most = (words)(255);
  UNROLLED for (int pair = 0; pair < PAIRS; pair++) {
    const words rounded = scaled(word[pair], rounding);
    store_words(
        out + pair * sizeof(words),
        __builtin_elementwise_min(__builtin_elementwise_max(rounded, least), most));
  }
#endif
}

/// Adds what is to be added to the words of a tile, and writes them.
INLINE void finish(const int count, words word[][PAIRS], const way_out *way) {
  if (way->add == AVP_ADD_BYTES) {
    const words ratio = (words)((int16_t)way->ratio);
    UNROLLED for (int r = 0; r < count; r++) {
      words shortcut[PAIRS];
      load_shortcut(way->residual + r * way->residual_stride, ratio, shortcut);
      UNROLLED for (int pair = 0; pair < PAIRS; pair++)
        word[r][pair] = add_saturated(word[r][pair], shortcut[pair]);
    }
  } else if (way->add == AVP_ADD_WORDS) {
    UNROLLED for (int r = 0; r < count; r++)
      UNROLLED for (int pair = 0; pair < PAIRS; pair++) {
        const char *at = way->residual + r * way->residual_stride + pair * sizeof(words);
        word[r][pair] = add_saturated(word[r][pair], load_words(at));
      }
  }
  if (way->to == AVP_TO_WORDS) {
    UNROLLED for (int r = 0; r < count; r++)
      UNROLLED for (int pair = 0; pair < PAIRS; pair++)
        store_words(way->output + r * way->output_stride + pair * sizeof(words), word[r][pair]);
  } else {
    UNROLLED for (int r = 0; r < count; r++)
      store_activations(word[r], way->output + r * way->output_stride);
  }
}

/// A product, and the part of it that comes next.
typedef struct {
  /// [row][tap]: where the activations of a row are, `groups` groups for each tap.
  const char *const *rows;
  int count, taps;
  long groups;
  const char *weights;         ///< [panel][tap][group][PANEL][GROUP]
  int outputs;
  const quantiser *quantiser;  ///< by panel; NULL where sums are to leave as they are
  way_out way;
  const char *next, *next_end; ///< what a tile asks for, and where that ends
} product;

#if BYTE_DOT
#define DOT_BYTES dot_bytes
#else
#define DOT_BYTES dot_words
#endif

/// Computes a tile. `in_bytes`, `raw` and `count` are constants where this is inlined, so that all
/// sums live in registers.
INLINE void multiply_tile(
    const int in_bytes, const int raw, const int count, const product *p) {
  sums sum[ROW_TILE][VECTORS];
  UNROLLED for (int v = 0; v < VECTORS; v++) {
    const sums bias = raw ? (sums)(0) : load_sums(p->quantiser->bias[v]);
    UNROLLED for (int r = 0; r < count; r++) sum[r][v] = bias;
  }
  // The next tile's output and shortcut come from the outer caches. (Measured: where nothing is
  // added, asking for the output does not pay.)
  if (!raw && p->way.add) {
    UNROLLED for (int r = count; r < 2 * count; r++)
      __builtin_prefetch(p->way.output + r * p->way.output_stride, 1, 3);
    UNROLLED for (int r = count; r < 2 * count; r++)
      __builtin_prefetch(p->way.residual + r * p->way.residual_stride, 0, 3);
  }
  const char *weights = p->weights, *next = p->next;
  const long groups = p->groups;
  for (int tap = 0; tap < p->taps; tap++) {
    const char *row[ROW_TILE];
    UNROLLED for (int r = 0; r < count; r++) row[r] = p->rows[r * p->taps + tap];
#define STEP(i)                                                                              \
  {                                                                                          \
    sums factor[VECTORS];                                                                    \
    UNROLLED for (int v = 0; v < VECTORS; v++)                                               \
      factor[v] = load_sums(weights + ((i) * VECTORS + v) * sizeof(sums));                   \
    UNROLLED for (int r = 0; r < count; r++) {                                               \
      const sums group = broadcast(row[r] + (k + (i)) * GROUP);                              \
      UNROLLED for (int v = 0; v < VECTORS; v++)                                             \
        sum[r][v] = in_bytes ? DOT_BYTES(sum[r][v], group, factor[v])                        \
                             : dot_words(sum[r][v], group, factor[v]);                       \
    }                                                                                        \
  }
    long k = 0;
    for (; k + STEPS <= groups; k += STEPS, weights += STEPS * PANEL * GROUP) {
      UNROLLED for (int line = 0; line < PREFETCHED_LINES; line++)
        __builtin_prefetch(next + line * LINE, 0, 2);
      next += PREFETCHED_LINES * LINE;
      STEP(0) STEP(1) STEP(2) STEP(3)
    }
    for (; k < groups; k++, weights += PANEL * GROUP) STEP(0)
#undef STEP
  }
  if (raw) {
    UNROLLED for (int r = 0; r < count; r++)
      UNROLLED for (int v = 0; v < VECTORS; v++)
        store_sums(p->way.output + r * p->way.output_stride + v * sizeof(sums), sum[r][v]);
  } else {
    words word[ROW_TILE][PAIRS];
    UNROLLED for (int r = 0; r < count; r++)
      to_words(sum[r], p->quantiser->shift, p->quantiser, word[r]);
    finish(count, word, &p->way);
  }
}

/// Moves on to the next tile. Each asks for a part of the next panel.
INLINE void next_tile(product *p, const int count) {
  p->rows += count * p->taps;
  p->way.output += count * p->way.output_stride;
  p->way.residual += count * p->way.residual_stride;
  p->next += p->taps * p->groups * (PANEL * GROUP / PREFETCH_PARTS);
  if (p->next >= p->next_end) p->next = p->weights;
}

typedef void (*tile_function)(product *, int);

#define TILE(name, in_bytes, raw, count)                                                   \
  static __attribute__((noinline)) void name##_##count(product *p, int tiles) {            \
    for (; tiles > 0; tiles--) {                                                           \
      multiply_tile(in_bytes, raw, count, p);                                              \
      next_tile(p, count);                                                                 \
    }                                                                                      \
  }
#define TILES(name, in_bytes, raw)                                                         \
  TILE(name, in_bytes, raw, 1) TILE(name, in_bytes, raw, 2) TILE(name, in_bytes, raw, 3)   \
  TILE(name, in_bytes, raw, 4) TILE(name, in_bytes, raw, 5) TILE(name, in_bytes, raw, 6)   \
  static const tile_function name[ROW_TILE + 1] = {                                        \
    0, name##_1, name##_2, name##_3, name##_4, name##_5, name##_6};
// Sums of activations become words, the sums of Winograd's words stay what they are.
TILES(activation_tiles, BYTE_DOT, 0)
TILES(slot_tiles, 0, 1)

/// Multiplies a block of rows with all panels. The rows are spread evenly over the fewest tiles.
static void multiply(const product *p) {
  const long panel_bytes = p->taps * p->groups * PANEL * GROUP;
  const tile_function *const functions = p->quantiser ? activation_tiles : slot_tiles;
  const int tiles = (p->count + ROW_TILE - 1) / ROW_TILE;
  const int base = p->count / tiles, longer = p->count % tiles;
  for (int panel = 0; panel < p->outputs / PANEL; panel++) {
    product part = *p;
    part.weights += panel * panel_bytes;
    if (p->quantiser) {
      part.quantiser += panel;
      part.way.output += output_bytes(p->way.to, panel * PANEL);
      if (p->way.add) part.way.residual += residual_bytes(p->way.add, panel * PANEL);
    } else {
      part.way.output += panel * sizeof(sums) * VECTORS;
    }
    part.next = part.weights + panel_bytes;
    part.next_end = part.next + panel_bytes * (PREFETCH_PARTS - 1) / PREFETCH_PARTS;
    if (longer) functions[base + 1](&part, longer);
    if (base) functions[base](&part, tiles - longer);
  }
}

/// The time, where it is wanted.
INLINE double now(const avp_integer_scratch *scratch) {
  return scratch->timing ? avp_seconds() : 0;
}

/// Adds the time since `start` to a class of work.
INLINE void record(
    const avp_integer_scratch *scratch, int class, double start, double operations) {
  if (!scratch->timing) return;
  scratch->timing->seconds[class] += avp_seconds() - start;
  scratch->timing->operations[class] += operations;
}

#endif

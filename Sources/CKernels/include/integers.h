// Kernels of the int8 backbone. docs/int8.md says what they compute, to the bit; every table of
// functions here gives the same results for the same operands.
//
// Activations are whole numbers of 0 to 255 in NHWC, "bytes" below, whatever a table takes for one
// of them in memory. Channels of a map are padded with zeros to a multiple of AVP_INTEGER_CHANNELS
// and are dense: the pad belongs to the shape, so that kernels see whole panels only.
#ifndef AVP_CKERNELS_INTEGERS_H
#define AVP_CKERNELS_INTEGERS_H

#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

enum {
  /// Channels of every map are a multiple of this.
  AVP_INTEGER_CHANNELS = 64,
  /// Fraction bits of a word that a shortcut's convolution leaves for the sum.
  AVP_FRACTION_BITS = 6,
  /// The largest shift of a requantisation.
  AVP_MOST_SHIFT = 24,
  /// Rows of pointers of the scratch: those of a block of at most 96 pixels with 9 taps, or of the
  /// slots of a block of Winograd tiles.
  AVP_INTEGER_ROWS = 1 << 13,
  /// Activations beyond a framed image, which reading its last pixel may touch.
  AVP_FRAME_PADDING = 64,
  /// Winograd tiles of a block, at most.
  AVP_INTEGER_TILES = 32,
};

/// The extents of a convolution over square maps; its padding is half its kernel.
typedef struct {
  int inputs;   ///< a multiple of AVP_INTEGER_CHANNELS; 3 where `kernel` is 7
  int outputs;  ///< a multiple of AVP_INTEGER_CHANNELS
  int kernel;   ///< 1, 3 or 7
  int stride;   ///< 1 or 2; 2 where `kernel` is 7
} avp_integer_shape;

/// A convolution in integers, by output channel.
typedef struct {
  avp_integer_shape shape;
  const int8_t *weights;      ///< [output][row][column][input]
  const int32_t *bias;        ///< with the rounding of the shift: 2^(shift - 1) where shift > 0
  const int32_t *shift;       ///< 0 to AVP_MOST_SHIFT
  const int16_t *multiplier;  ///< 0 to 32767
} avp_integer_weights;

/// What leaves a convolution.
enum {
  AVP_TO_BYTES,  ///< activations of 0 to 255
  AVP_TO_WORDS,  ///< int16 with AVP_FRACTION_BITS, for the sum with another convolution
};

/// What is added to a convolution's words before they become bytes.
enum {
  AVP_ADD_NOTHING,
  AVP_ADD_BYTES,  ///< activations, times `residual_multiplier`
  AVP_ADD_WORDS,  ///< words
};

/// One convolution, and where its operands are.
typedef struct {
  avp_integer_shape shape;
  int images;
  int size;             ///< height and width of the input, without the frame where `kernel` is 7
  const void *input;    ///< a framed image where `kernel` is 7, otherwise maps
  const void *weights;  ///< as `pack` of the same table left them
  void *output;         ///< maps of bytes or of words; words lie in an order of the table's own
  int to;               ///< AVP_TO_BYTES or AVP_TO_WORDS
  int add;              ///< AVP_ADD_NOTHING, AVP_ADD_BYTES or AVP_ADD_WORDS
  const void *residual; ///< maps as large as the output, which may be the output itself
  int residual_multiplier;  ///< 0 to 32767
} avp_integer_convolution;

/// Working memory of one thread; all of it aligned to 64 bytes.
typedef struct {
  const void **rows;    ///< AVP_INTEGER_ROWS pointers
  void *transformed;    ///< transformed tiles: `tile_bytes` bytes
  void *products;       ///< their products: `tile_bytes` bytes
  size_t tile_bytes;    ///< at least 36 * 4 * the most channels of a 3x3 convolution; measured, the
                        ///< best is AVP_INTEGER_TILES * 36 * (4 * channels + 64)
  const void *zeros;    ///< activations outside a map: 2 * the most channels bytes of zeros
  avp_timing *timing;   ///< where to add time, or NULL
} avp_integer_scratch;

/// The kernels of one instruction set.
typedef struct {
  /// Bytes that an activation takes in memory, 1 or 2.
  int activation;
  /// Bytes of a packed convolution, a multiple of 64.
  size_t (*packed_bytes)(const avp_integer_shape *);
  /// Packs a convolution into `packed_bytes` zeros, aligned to 64.
  void (*pack)(const avp_integer_weights *, void *);
  /// Copies an image of size x size x 3 bytes into a frame of 3 pixels of `outside`, which is
  /// AVP_FRAME_PADDING activations larger than (size + 6)^2 * 3; those become zeros.
  void (*frame)(const uint8_t *image, int size, const uint8_t outside[3], void *framed);
  /// A convolution. With a kernel of 7 there is one image. Only one with a kernel of 1 adds.
  void (*convolve)(const avp_integer_convolution *, const avp_integer_scratch *);
  /// 3x3 max-pooling of stride 2 of one map: see avp_max_pool for the sizes and `offset`.
  void (*max_pool)(
      const void *input, int size, int output_size, int channels, int offset, void *output);
  /// The sums of every channel over `pixels` pixels.
  void (*channel_sums)(const void *map, int pixels, int channels, uint32_t *sums);
  /// Products of bytes in registers only, as a direct convolution does them; and of words, as the
  /// products of tiles do. Each returns the operations done: 2 a multiply-add.
  double (*byte_burst)(long rounds);
  double (*word_burst)(long rounds);
} avp_integer_kernels;

/// The formulas of docs/int8.md in plain loops: what the others are tested against.
const avp_integer_kernels *avp_integers_reference(void);
/// For every processor.
const avp_integer_kernels *avp_integers_portable(void);

/// Whether this processor and its operating system have AVX2 with AVX-VNNI.
int avp_has_avx_vnni(void);
/// Whether they have AVX-512 F, BW, DQ, VL and VNNI.
int avp_has_avx512_vnni(void);
/// Whether they have NEON with I8MM.
int avp_has_i8mm(void);
/// The kernels for NEON with I8MM; NULL on another architecture.
const avp_integer_kernels *avp_integers_neon(void);

/// Adds 1 to `counts[32768 + word]` for each word.
void avp_count_words(const int16_t *words, size_t count, uint64_t *counts);

/// Whether |sum + bias| < 2^25 for any input, for every output of a 3x3 convolution of stride 1:
/// what Winograd's products are exact for. Of others, no.
int avp_fits_winograd(const avp_integer_weights *);

#endif

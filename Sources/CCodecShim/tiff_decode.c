#include "CCodecShim.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

/// Most bytes of a tile. Writers take tiles of a megabyte; a larger one only costs memory.
static const tmsize_t tile_limit = 64 << 20;

/// Most samples of a pixel that are no colours.
static const int extra_limit = 3;

/// The reading of a file's first page, and what libtiff hands back to our functions.
struct reading {
  TIFF *tiff;
  const uint8_t *bytes;
  size_t count;
  uint64_t position;
  char *message;
  uint32_t width, height;
  uint16_t photometric, bits, samples, planar, compression, orientation;
  uint16_t *palette[3];
  /// Samples of a pixel that decide its colour.
  int colours;
  /// The sample behind the colours is alpha, by which they are multiplied.
  int is_multiplied;
  int deep_grey;
  int lacks_palette;
};

static int refuse(struct reading *reading, const char *reason) {
  // What libtiff said first is nearest to the cause.
  if (!reading->message[0]) snprintf(reading->message, AVP_CODEC_MESSAGE_SIZE, "%s", reason);
  // Not where a file asks for more than makes sense, which libtiff puts in other words.
  int is_host = strstr(reading->message, "Out of memory") ||
                strstr(reading->message, "No space for");
  return is_host ? AVP_CODEC_NO_MEMORY : AVP_CODEC_REFUSED;
}

static void note_error(thandle_t handle, const char *module, const char *format,
                       va_list arguments) {
  (void)module;
  struct reading *reading = handle;
  if (reading && !reading->message[0])
    vsnprintf(reading->message, AVP_CODEC_MESSAGE_SIZE, format, arguments);
}

/// A palette that cannot be read is a warning, after which libtiff takes the indices for grey.
static void note_warning(thandle_t handle, const char *module, const char *format,
                         va_list arguments) {
  (void)module;
  char text[AVP_CODEC_MESSAGE_SIZE];
  vsnprintf(text, sizeof text, format, arguments);
  struct reading *reading = handle;
  if (reading && strstr(text, "\"ColorMap\"")) reading->lacks_palette = 1;
}

/// The handlers belong to the process; what is theirs of a reading comes through the handle.
static void set_handlers(void) {
  TIFFSetErrorHandler(NULL);
  TIFFSetErrorHandlerExt(note_error);
  TIFFSetWarningHandler(NULL);
  TIFFSetWarningHandlerExt(note_warning);
}

static tmsize_t copy_bytes(thandle_t handle, void *target, tmsize_t count) {
  struct reading *reading = handle;
  if (count <= 0 || reading->position >= reading->count) return 0;
  size_t left = reading->count - reading->position;
  if ((size_t)count > left) count = left;
  memcpy(target, reading->bytes + reading->position, count);
  reading->position += count;
  return count;
}

static tmsize_t write_nothing(thandle_t handle, void *source, tmsize_t count) {
  (void)handle, (void)source, (void)count;
  return 0;
}

static toff_t move(thandle_t handle, toff_t offset, int whence) {
  struct reading *reading = handle;
  uint64_t base = whence == SEEK_CUR ? reading->position : whence == SEEK_END ? reading->count : 0;
  return reading->position = base + offset;
}

static int close_nothing(thandle_t handle) { return (void)handle, 0; }

static toff_t size_of_file(thandle_t handle) { return ((struct reading *)handle)->count; }

/// libtiff only reads what it believes to be a mapped file.
static int map_bytes(thandle_t handle, void **base, toff_t *size) {
  struct reading *reading = handle;
  *base = (void *)reading->bytes;
  *size = reading->count;
  return 1;
}

static void unmap_nothing(thandle_t handle, void *base, toff_t size) {
  (void)handle, (void)base, (void)size;
}

static int colour_samples(const struct reading *reading) {
  switch (reading->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE: return 1;
    case PHOTOMETRIC_RGB: return 3;
    case PHOTOMETRIC_SEPARATED: return 4;
    // libjpeg makes RGB of it. Without it, the samples would have to be gathered and converted.
    case PHOTOMETRIC_YCBCR:
      return reading->compression == COMPRESSION_JPEG && reading->planar == PLANARCONFIG_CONTIG ? 3
                                                                                                : 0;
    default: return 0;
  }
}

/// Those that are in use and whose decoders' memory a file cannot choose.
static int is_known_compression(uint16_t compression) {
  static const uint16_t known[] = {
      COMPRESSION_NONE,     COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3,     COMPRESSION_CCITTFAX4,
      COMPRESSION_LZW,      COMPRESSION_JPEG,     COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE,
      COMPRESSION_PACKBITS, COMPRESSION_ZSTD};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i] == compression) return 1;
  return 0;
}

/// Whether `convert` knows what the samples mean.
static int is_known_layout(const struct reading *reading) {
  int extra = reading->samples - reading->colours;
  if (!reading->colours || extra < 0 || extra > extra_limit) return 0;
  switch (reading->bits) {
    case 1:
    case 2:
    case 4: return reading->samples == 1;
    case 8: return 1;
    case 16:
      return reading->photometric != PHOTOMETRIC_PALETTE && (extra == 0 || reading->colours == 3);
    default: return 0;
  }
}

/// Reads what the page says of its pixels.
static int read_fields(struct reading *reading) {
  TIFF *tiff = reading->tiff;
  uint16_t format, extra_count, *extra;
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &reading->width) ||
      !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &reading->height))
    return refuse(reading, "it does not say its size");
  // Some writers leave it out; readers take zero.
  if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &reading->photometric)) reading->photometric = 0;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &reading->bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &reading->samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &reading->planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &reading->compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &reading->orientation);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extra);
  reading->colours = colour_samples(reading);
  reading->is_multiplied = reading->photometric == PHOTOMETRIC_RGB && extra_count > 0 &&
                           extra[0] == EXTRASAMPLE_ASSOCALPHA;
  reading->deep_grey = reading->bits == 16 && reading->colours == 1;
  if (!is_known_compression(reading->compression))
    return refuse(reading, "its compression is not one of the usual ones");
  if (format != SAMPLEFORMAT_UINT) return refuse(reading, "its samples are no whole numbers");
  if (!is_known_layout(reading)) return refuse(reading, "its kind of pixels is not read");
  if (reading->lacks_palette || (reading->photometric == PHOTOMETRIC_PALETTE &&
                                 !TIFFGetField(tiff, TIFFTAG_COLORMAP, &reading->palette[0],
                                               &reading->palette[1], &reading->palette[2])))
    return refuse(reading, "its palette cannot be read");
  if (reading->photometric == PHOTOMETRIC_YCBCR)
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  if (TIFFIsTiled(tiff) && (TIFFTileSize(tiff) <= 0 || TIFFTileSize(tiff) > tile_limit))
    return refuse(reading, "its tiles are too large");
  return AVP_CODEC_DONE;
}

static int open_page(struct reading *reading, const uint8_t *bytes, size_t count, char *message) {
  static pthread_once_t handlers = PTHREAD_ONCE_INIT;
  pthread_once(&handlers, set_handlers);
  *reading = (struct reading){.bytes = bytes, .count = count, .message = message};
  message[0] = 0;
  reading->tiff = TIFFClientOpen("it", "r", reading, copy_bytes, write_nothing, move, close_nothing,
                                 size_of_file, map_bytes, unmap_nothing);
  return reading->tiff ? read_fields(reading) : refuse(reading, "its first page cannot be read");
}

static void release(struct reading *reading) {
  if (reading->tiff) TIFFClose(reading->tiff);
}

/// The sample at `index` of a row with the value of 8 bits that stands for it, of palettes the entry.
static uint8_t sample(const struct reading *reading, const uint8_t *row, size_t index) {
  int bits = reading->bits;
  if (bits == 8) return row[index];
  if (bits == 16) {
    uint16_t value;
    memcpy(&value, row + 2 * index, 2);
    return !reading->deep_grey ? value >> 8 : value > 255 ? 255 : value;
  }
  int largest = (1 << bits) - 1;
  int value = row[index * bits / 8] >> (8 - bits - index * bits % 8) & largest;
  return reading->photometric == PHOTOMETRIC_PALETTE ? value : value * 255 / largest;
}

/// a * b / 255, rounded.
static int product(int a, int b) {
  int value = a * b + 128;
  return ((value >> 8) + value) >> 8;
}

static uint8_t divided(int value, int alpha) {
  int whole = alpha ? value * 255 / alpha : 0;
  return whole > 255 ? 255 : whole;
}

/// Writes the pixel with these samples; alpha is the fourth of a multiplied one.
static void convert(const struct reading *reading, const uint8_t samples[4], uint8_t *pixel) {
  switch (reading->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK: {
      // Pillow reads 16 bits of grey as they are.
      int inverts = reading->photometric == PHOTOMETRIC_MINISWHITE && !reading->deep_grey;
      memset(pixel, inverts ? 255 - samples[0] : samples[0], 3);
      break;
    }
    case PHOTOMETRIC_PALETTE:
      for (int i = 0; i < 3; i++) pixel[i] = reading->palette[i][samples[0]] >> 8;
      break;
    case PHOTOMETRIC_SEPARATED: {
      int white = 255 - samples[3];
      for (int i = 0; i < 3; i++) pixel[i] = white - product(samples[i], white);
      break;
    }
    default:
      for (int i = 0; i < 3; i++)
        pixel[i] = reading->is_multiplied ? divided(samples[i], samples[3]) : samples[i];
  }
}

/// Samples of a pixel that `convert` needs.
static int needed_samples(const struct reading *reading) {
  return reading->colours + reading->is_multiplied;
}

/// Writes `count` pixels of a row. Where each plane is by itself, the first three wait in the pixels
/// for the fourth.
static void put_row(const struct reading *reading, const uint8_t *row, int plane, uint32_t count,
                    uint8_t *pixels) {
  int needed = needed_samples(reading);
  int is_separate = reading->planar == PLANARCONFIG_SEPARATE;
  for (size_t x = 0; x < count; x++, pixels += 3) {
    uint8_t samples[4] = {0};
    if (is_separate) {
      memcpy(samples, pixels, 3);
      samples[plane] = sample(reading, row, x);
      if (plane < needed - 1) {
        pixels[plane] = samples[plane];
        continue;
      }
    } else {
      for (int i = 0; i < needed; i++) samples[i] = sample(reading, row, x * reading->samples + i);
    }
    convert(reading, samples, pixels);
  }
}

static int read_strips(struct reading *reading, int plane, uint8_t *buffer, uint8_t *pixels) {
  for (uint32_t y = 0; y < reading->height; y++) {
    if (TIFFReadScanline(reading->tiff, buffer, y, plane) != 1)
      return refuse(reading, "a row cannot be read");
    put_row(reading, buffer, plane, reading->width, pixels + (size_t)y * reading->width * 3);
  }
  return AVP_CODEC_DONE;
}

static int read_tiles(struct reading *reading, int plane, uint8_t *buffer, uint8_t *pixels) {
  uint32_t width = 0, height = 0;
  TIFFGetField(reading->tiff, TIFFTAG_TILEWIDTH, &width);
  TIFFGetField(reading->tiff, TIFFTAG_TILELENGTH, &height);
  tmsize_t stride = TIFFTileRowSize(reading->tiff);
  for (uint64_t top = 0; top < reading->height; top += height)
    for (uint64_t left = 0; left < reading->width; left += width) {
      if (TIFFReadTile(reading->tiff, buffer, left, top, 0, plane) < 0)
        return refuse(reading, "a tile cannot be read");
      uint64_t columns = reading->width - left < width ? reading->width - left : width;
      for (uint64_t y = 0; y < height && top + y < reading->height; y++)
        put_row(reading, buffer + y * stride, plane, columns,
                pixels + ((top + y) * reading->width + left) * 3);
    }
  return AVP_CODEC_DONE;
}

/// Bytes that a row of `columns` pixels must have.
static uint64_t row_bytes(const struct reading *reading, uint64_t columns) {
  int is_separate = reading->planar == PLANARCONFIG_SEPARATE;
  return (columns * (is_separate ? 1 : reading->samples) * reading->bits + 7) / 8;
}

static int decode(struct reading *reading, uint32_t width, uint32_t height, uint8_t *pixels) {
  TIFF *tiff = reading->tiff;
  int is_tiled = TIFFIsTiled(tiff);
  uint32_t columns = width;
  if (is_tiled) TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &columns);
  tmsize_t stride = is_tiled ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff);
  if (reading->width != width || reading->height != height || stride <= 0 ||
      (uint64_t)stride < row_bytes(reading, columns))
    return refuse(reading, "its two readings differ in size");
  uint8_t *buffer = malloc(is_tiled ? TIFFTileSize(tiff) : stride);
  if (!buffer) return refuse(reading, "Out of memory (for a row or tile)");
  int planes = reading->planar == PLANARCONFIG_SEPARATE ? needed_samples(reading) : 1;
  int status = AVP_CODEC_DONE;
  for (int plane = 0; plane < planes && !status; plane++)
    status = is_tiled ? read_tiles(reading, plane, buffer, pixels)
                      : read_strips(reading, plane, buffer, pixels);
  free(buffer);
  return status;
}

int avp_tiff_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                    char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct reading reading;
  int status = open_page(&reading, bytes, count, message);
  if (!status) {
    *header = (struct avp_image_header){.width = reading.width,
                                          .height = reading.height,
                                          .orientation = reading.orientation,
                                          .deep_grey = reading.deep_grey};
    if (TIFFIsTiled(reading.tiff)) header->working_bytes = TIFFTileSize(reading.tiff);
  }
  release(&reading);
  return status;
}

int avp_tiff_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                    uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct reading reading;
  int status = open_page(&reading, bytes, count, message);
  if (!status) status = decode(&reading, width, height, pixels);
  release(&reading);
  return status;
}

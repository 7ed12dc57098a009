#include "CCodecShim.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/// One decompression. libpng hands it back to our functions.
///
/// It lives outside the frame that calls setjmp, so that its values are defined after longjmp.
struct reading {
  png_structp png;
  png_infop info;
  const uint8_t *next;
  size_t left;
  jmp_buf failed;
  int status;
  char *message;
  /// Whether the file holds 16-bit grey values, which have a conversion of their own.
  int deep_grey;
  /// Rows of the file that have not come yet, over all passes.
  uint32_t rows_left;
  /// A chunk of the pixels has a wrong checksum.
  int doubtful;
};

static _Noreturn void leave_with_message(png_structp png, png_const_charp reason) {
  struct reading *reading = png_get_error_ptr(png);
  // Behind the last row only the checksum of all pixels can be missing; then those of the chunks
  // decide.
  if (reading->rows_left == 0 && !reading->doubtful && strstr(reason, "Not enough image data")) {
    reading->status = AVP_CODEC_DONE;
  } else {
    if (reading->status != AVP_CODEC_NO_MEMORY) reading->status = AVP_CODEC_REFUSED;
    snprintf(reading->message, AVP_CODEC_MESSAGE_SIZE, "%s", reason);
  }
  longjmp(reading->failed, 1);
}

static void ignore_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

/// Of what libpng can pass over among the pixels, lets pass bytes and rows that are too many, notes a
/// chunk's wrong checksum, and refuses all else, such as a wrong checksum of all pixels.
static void note_warning(png_structp png, png_const_charp text) {
  if (strstr(text, "Extra compressed data") || strstr(text, "Too much image data")) return;
  if (!strstr(text, "CRC error")) png_error(png, text);
  ((struct reading *)png_get_error_ptr(png))->doubtful = 1;
}

static png_voidp allocate(png_structp png, png_alloc_size_t size) {
  void *memory = malloc(size);
  if (!memory) ((struct reading *)png_get_mem_ptr(png))->status = AVP_CODEC_NO_MEMORY;
  return memory;
}

static void deallocate(png_structp png, png_voidp memory) { (void)png, free(memory); }

static void count_row(png_structp png, png_row_infop row, png_bytep data) {
  (void)row, (void)data;
  ((struct reading *)png_get_error_ptr(png))->rows_left--;
}

static void copy_bytes(png_structp png, png_bytep target, size_t count) {
  struct reading *reading = png_get_io_ptr(png);
  if (count > reading->left) png_error(png, "it ends before the image does, the file is truncated");
  memcpy(target, reading->next, count);
  reading->next += count;
  reading->left -= count;
}

/// Makes libpng's structures with limits on what a hostile file can ask of them.
static int prepare(struct reading *reading, const uint8_t *bytes, size_t count, char *message) {
  *reading = (struct reading){
      .next = bytes, .left = count, .message = message, .rows_left = UINT32_MAX};
  snprintf(message, AVP_CODEC_MESSAGE_SIZE, "there is no memory to read it");
  // The structures' own allocation reports a failure by NULL, not through the error function.
  reading->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, reading, NULL, ignore_warning,
                                          reading, allocate, deallocate);
  if (!reading->png) return AVP_CODEC_NO_MEMORY;
  reading->info = png_create_info_struct(reading->png);
  if (!reading->info) return AVP_CODEC_NO_MEMORY;
  png_set_error_fn(reading->png, reading, leave_with_message, ignore_warning);
  png_set_read_fn(reading->png, reading, copy_bytes);
  return AVP_CODEC_DONE;
}

static void release(struct reading *reading) {
  png_destroy_read_struct(&reading->png, &reading->info, NULL);
}

/// Reads everything before the pixels. The colour profile, texts and all else that does not decide
/// the pixel values are skipped unread.
static void read_header(struct reading *reading) {
  // The caller knows how many pixels it takes, and says so better than libpng.
  png_set_user_limits(reading->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(reading->png, 8 << 20);
  png_set_chunk_cache_max(reading->png, 100);
  png_set_keep_unknown_chunks(reading->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  // Some writers state too small a window; other readers do not mind either.
  png_set_option(reading->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
  png_read_info(reading->png, reading->info);
}

/// How many rows the file holds, over all passes.
static uint32_t rows_in_file(struct reading *reading, uint32_t width, uint32_t height) {
  if (png_get_interlace_type(reading->png, reading->info) == PNG_INTERLACE_NONE) return height;
  uint32_t rows = 0;
  for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++)
    if (PNG_PASS_COLS(width, pass) > 0) rows += PNG_PASS_ROWS(height, pass);
  return rows;
}

/// Asks libpng for 8-bit R, G, B without alpha. Alpha is dropped, not blended; of 16 bits the upper
/// 8 count; no gamma correction.
static void choose_conversions(struct reading *reading) {
  png_structp png = reading->png;
  int colour = png_get_color_type(png, reading->info);
  reading->deep_grey =
      colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, reading->info) == 16;
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (!reading->deep_grey) {
    if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_16(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
  }
  // Also after a palette's expansion, which adds alpha where entries are transparent.
  png_set_strip_alpha(png);
}

/// Spreads a row of big-endian 16-bit grey in place, backwards since it grows from 2 to 3 bytes.
///
/// Values above 255 become white: such files hold measurements, not brightness, for the readers
/// that people train with, and the same pixels must come out here.
static void spread_deep_grey(uint8_t *row, uint32_t width) {
  for (size_t x = width; x-- > 0;) {
    uint8_t value = row[2 * x] ? 255 : row[2 * x + 1];
    memset(row + 3 * x, value, 3);
  }
}

static void read_rows(struct reading *reading, uint32_t width, uint32_t height, uint8_t *pixels) {
  size_t stride = (size_t)width * 3;
  for (int passes = png_set_interlace_handling(reading->png); passes > 0; passes--)
    for (uint32_t y = 0; y < height; y++)
      png_read_row(reading->png, pixels + y * stride, NULL);
}

/// Reads the header, the only frame besides `decode_rows` that longjmp returns to.
static int header(struct reading *reading, struct avp_image_header *header) {
  if (setjmp(reading->failed)) return reading->status;
  read_header(reading);
  header->width = png_get_image_width(reading->png, reading->info);
  header->height = png_get_image_height(reading->png, reading->info);
  header->working_bytes = 0;
  return AVP_CODEC_DONE;
}

static int decode_rows(struct reading *reading, uint32_t width, uint32_t height, uint8_t *pixels) {
  if (setjmp(reading->failed)) return reading->status;
  png_structp png = reading->png;
  read_header(reading);
  // The checksum inside the compressed data decides whether the pixels are whole; the chunk's own
  // is wrong in some files that every other reader accepts.
  png_set_crc_action(png, PNG_CRC_WARN_USE, PNG_CRC_WARN_USE);
  png_set_error_fn(png, reading, leave_with_message, note_warning);
  png_set_benign_errors(png, 1);
  choose_conversions(reading);
  png_set_interlace_handling(png);
  png_set_read_user_transform_fn(png, count_row);
  png_read_update_info(png, reading->info);
  if (png_get_image_width(png, reading->info) != width ||
      png_get_image_height(png, reading->info) != height ||
      png_get_rowbytes(png, reading->info) != (size_t)width * (reading->deep_grey ? 2 : 3))
    png_error(png, "its two readings differ in size");
  reading->rows_left = rows_in_file(reading, width, height);
  read_rows(reading, width, height, pixels);
  return AVP_CODEC_DONE;
}

static int decode(struct reading *reading, uint32_t width, uint32_t height, uint8_t *pixels) {
  int status = decode_rows(reading, width, height, pixels);
  for (uint32_t y = 0; !status && reading->deep_grey && y < height; y++)
    spread_deep_grey(pixels + (size_t)y * width * 3, width);
  return status;
}

int avp_png_header(const uint8_t *bytes, size_t count, struct avp_image_header *result,
                   char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct reading reading;
  int status = prepare(&reading, bytes, count, message);
  if (!status) status = header(&reading, result);
  release(&reading);
  return status;
}

int avp_png_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                   uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct reading reading;
  int status = prepare(&reading, bytes, count, message);
  if (!status) status = decode(&reading, width, height, pixels);
  release(&reading);
  return status;
}

#include "CCodecShim.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>

_Static_assert(AVP_CODEC_MESSAGE_SIZE >= JMSG_LENGTH_MAX, "libjpeg's messages must fit");

/// One decompression. libjpeg hands its managers back to our functions through `info`.
///
/// It lives outside the frame that calls setjmp, so that its values are defined after longjmp.
struct decoding {
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  char *message;
};

static void leave_with_message(j_common_ptr info) {
  struct decoding *decoding = info->client_data;
  (*info->err->format_message)(info, decoding->message);
  longjmp(decoding->failed, 1);
}

/// Ends the decompression for a reason that libjpeg has no words for.
static _Noreturn void leave_because(j_common_ptr info, const char *reason) {
  struct decoding *decoding = info->client_data;
  snprintf(decoding->message, AVP_CODEC_MESSAGE_SIZE, "%s", reason);
  longjmp(decoding->failed, 1);
}

// Damage that libjpeg can go on from is a warning, and passes, as it does in other readers.
static void ignore_warning(j_common_ptr info, int level) { (void)info, (void)level; }

static void ignore_source(j_decompress_ptr info) { (void)info; }

static boolean refuse_truncated(j_decompress_ptr info) {
  // libjpeg asks for more only when all bytes of the file are used up.
  leave_because((j_common_ptr)info, "it ends before the picture does, the file is truncated");
}

static void skip_bytes(j_decompress_ptr info, long count) {
  struct jpeg_source_mgr *source = info->src;
  if (count <= 0) return;
  size_t skipped = (size_t)count;
  if (skipped > source->bytes_in_buffer) skipped = source->bytes_in_buffer;
  source->next_input_byte += skipped;
  source->bytes_in_buffer -= skipped;
}

static void limit_scans(j_common_ptr info) {
  if (((j_decompress_ptr)info)->input_scan_number > AVP_JPEG_SCAN_LIMIT)
    leave_because(info, "it has more scans than any picture needs");
}

/// Fills in the managers; allocates nothing.
static void prepare(struct decoding *decoding, const uint8_t *bytes, size_t count, char *message) {
  decoding->message = message;
  decoding->info.err = jpeg_std_error(&decoding->errors);
  decoding->info.client_data = decoding;
  decoding->errors.error_exit = leave_with_message;
  decoding->errors.emit_message = ignore_warning;
  decoding->source.next_input_byte = bytes;
  decoding->source.bytes_in_buffer = count;
  decoding->source.init_source = ignore_source;
  decoding->source.fill_input_buffer = refuse_truncated;
  decoding->source.skip_input_data = skip_bytes;
  decoding->source.resync_to_restart = jpeg_resync_to_restart;
  decoding->source.term_source = ignore_source;
  decoding->progress.progress_monitor = limit_scans;
}

/// Reads everything before the first scan, and chooses the colours to convert to.
static void read_header(struct decoding *decoding) {
  j_decompress_ptr info = &decoding->info;
  jpeg_create_decompress(info);
  info->src = &decoding->source;
  info->progress = &decoding->progress;
  jpeg_read_header(info, TRUE);
  switch (info->num_components) {
    case 1:
    case 3:
      info->out_color_space = JCS_RGB;
      break;
    case 4:
      info->out_color_space = JCS_CMYK;
      break;
    default:
      leave_because((j_common_ptr)info, "it has neither 1, 3 nor 4 colour components");
  }
}

/// `a * b / 255`, rounded to the nearest.
static unsigned multiply_of_255(unsigned a, unsigned b) {
  unsigned product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// Converts one row of inverted CMYK, the way Adobe's programs store it and all others expect it.
///
/// No colour profile is involved: each ink is taken as the absence of its opposite.
static void convert_inks(const uint8_t *inks, uint8_t *pixels, uint32_t width) {
  for (uint32_t x = 0; x < width; x++, inks += 4, pixels += 3) {
    unsigned light = inks[3];
    for (int channel = 0; channel < 3; channel++)
      pixels[channel] = (uint8_t)(light - multiply_of_255(255u - inks[channel], light));
  }
}

static void read_rows(struct decoding *decoding, uint8_t *pixels) {
  j_decompress_ptr info = &decoding->info;
  uint32_t width = info->output_width;
  JSAMPARRAY inks = NULL;
  if (info->out_color_components == 4)
    inks = (*info->mem->alloc_sarray)((j_common_ptr)info, JPOOL_IMAGE, width * 4, 1);
  while (info->output_scanline < info->output_height) {
    JSAMPROW row = pixels + (size_t)info->output_scanline * width * 3;
    if (inks) {
      jpeg_read_scanlines(info, inks, 1);
      convert_inks(inks[0], row, width);
    } else {
      jpeg_read_scanlines(info, &row, 1);
    }
  }
}

/// Reads the size, the only frame besides `decode` that longjmp returns to.
static int size(struct decoding *decoding, uint32_t *width, uint32_t *height) {
  if (setjmp(decoding->failed)) return 1;
  read_header(decoding);
  *width = decoding->info.image_width;
  *height = decoding->info.image_height;
  return 0;
}

static int decode(struct decoding *decoding, uint32_t width, uint32_t height, uint8_t *pixels) {
  if (setjmp(decoding->failed)) return 1;
  j_decompress_ptr info = &decoding->info;
  read_header(decoding);
  info->dct_method = JDCT_ISLOW;
  info->do_fancy_upsampling = TRUE;
  jpeg_start_decompress(info);
  int components = info->num_components == 4 ? 4 : 3;
  if (info->output_width != width || info->output_height != height ||
      info->out_color_components != components)
    leave_because((j_common_ptr)info, "its two readings differ in size");
  read_rows(decoding, pixels);
  jpeg_finish_decompress(info);
  return 0;
}

int avp_jpeg_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height,
                  char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct decoding decoding = {0};
  prepare(&decoding, bytes, count, message);
  int status = size(&decoding, width, height);
  jpeg_destroy_decompress(&decoding.info);
  return status;
}

int avp_jpeg_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                    uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct decoding decoding = {0};
  prepare(&decoding, bytes, count, message);
  int status = decode(&decoding, width, height, pixels);
  jpeg_destroy_decompress(&decoding.info);
  return status;
}

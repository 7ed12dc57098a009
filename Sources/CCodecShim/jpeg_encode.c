#include "CCodecShim.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <jerror.h>

_Static_assert(AVP_CODEC_MESSAGE_SIZE >= JMSG_LENGTH_MAX, "libjpeg's messages must fit");

/// One compression. libjpeg hands its three managers back to our functions through `info`.
///
/// It lives outside the frame that calls setjmp, so that its values are defined after longjmp.
struct encoding {
  struct jpeg_compress_struct info;
  struct jpeg_error_mgr errors;
  struct jpeg_destination_mgr destination;
  jmp_buf failed;
  int status;
  char *message;
  uint8_t *bytes;
  size_t capacity;
};

static void leave_with_message(j_common_ptr info) {
  struct encoding *encoding = info->client_data;
  (*info->err->format_message)(info, encoding->message);
  encoding->status = info->err->msg_code == JERR_OUT_OF_MEMORY ? AVP_CODEC_NO_MEMORY
                                                               : AVP_CODEC_REFUSED;
  longjmp(encoding->failed, 1);
}

static void ignore_warning(j_common_ptr info) { (void)info; }

/// Makes the buffer twice as large and lets libjpeg go on after the first `used` bytes.
///
/// libjpeg's own memory destination loses track of its buffer when growing fails, hence ours.
static void grow(j_compress_ptr info, size_t used) {
  struct encoding *encoding = info->client_data;
  size_t capacity = encoding->capacity ? 2 * encoding->capacity : 32768;
  uint8_t *bytes = realloc(encoding->bytes, capacity);
  if (!bytes) ERREXIT1(info, JERR_OUT_OF_MEMORY, 0);
  encoding->bytes = bytes;
  encoding->capacity = capacity;
  encoding->destination.next_output_byte = bytes + used;
  encoding->destination.free_in_buffer = capacity - used;
}

static void start_output(j_compress_ptr info) { grow(info, 0); }

static boolean continue_output(j_compress_ptr info) {
  // libjpeg calls this with a full buffer, whatever its pointers say.
  grow(info, ((struct encoding *)info->client_data)->capacity);
  return TRUE;
}

static void end_output(j_compress_ptr info) { (void)info; }

/// Compresses into `encoding->bytes`; the only frame that setjmp and longjmp touch.
static int compress(struct encoding *encoding, const uint8_t *pixels, uint32_t width,
                    uint32_t height, int quality) {
  j_compress_ptr info = &encoding->info;
  if (setjmp(encoding->failed)) return encoding->status;
  jpeg_create_compress(info);
  info->dest = &encoding->destination;
  info->image_width = width;
  info->image_height = height;
  info->input_components = 3;
  info->in_color_space = JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, quality, TRUE);
  info->dct_method = JDCT_ISLOW;
  jpeg_start_compress(info, TRUE);
  while (info->next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)info->next_scanline * width * 3);
    jpeg_write_scanlines(info, &row, 1);
  }
  jpeg_finish_compress(info);
  return 0;
}

int avp_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int quality,
                    uint8_t **bytes, size_t *count, char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct encoding encoding = {.message = message};
  encoding.info.err = jpeg_std_error(&encoding.errors);
  encoding.info.client_data = &encoding;
  encoding.errors.error_exit = leave_with_message;
  encoding.errors.output_message = ignore_warning;
  encoding.destination.init_destination = start_output;
  encoding.destination.empty_output_buffer = continue_output;
  encoding.destination.term_destination = end_output;

  int status = compress(&encoding, pixels, width, height, quality);
  jpeg_destroy_compress(&encoding.info);
  *bytes = NULL;
  *count = 0;
  if (status) {
    free(encoding.bytes);
    return status;
  }
  *bytes = encoding.bytes;
  *count = encoding.capacity - encoding.destination.free_in_buffer;
  return 0;
}

void avp_jpeg_release(uint8_t *bytes) { free(bytes); }

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
  int status;
  char *message;
  /// All bytes of the file are used up, and libjpeg reads an end marker that is not there.
  int ran_out;
  /// The pixels may not be all there, unless the end marker stands where it should.
  int doubtful;
  /// The components whose scans have been read, one bit each.
  unsigned seen;
};

static const uint8_t end_marker[] = {0xFF, JPEG_EOI};

/// Ends the decompression for a reason that libjpeg has no words for.
static _Noreturn void leave_because(j_common_ptr info, const char *reason) {
  struct decoding *decoding = info->client_data;
  snprintf(decoding->message, AVP_CODEC_MESSAGE_SIZE, "%s", reason);
  decoding->status = AVP_CODEC_REFUSED;
  longjmp(decoding->failed, 1);
}

static _Noreturn void leave_truncated(j_common_ptr info) {
  leave_because(info, "it ends before the image does, the file is truncated");
}

static void leave_with_message(j_common_ptr info) {
  struct decoding *decoding = info->client_data;
  int no_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
  if (decoding->ran_out && !no_memory) leave_truncated(info);
  (*info->err->format_message)(info, decoding->message);
  decoding->status = no_memory ? AVP_CODEC_NO_MEMORY : AVP_CODEC_REFUSED;
  longjmp(decoding->failed, 1);
}

/// Damage that libjpeg can go on from is a warning, and passes, as it does in other readers; but
/// then the file must have its end.
static void note_warning(j_common_ptr info, int level) {
  struct decoding *decoding = info->client_data;
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION:
      decoding->doubtful = 1;
      if (decoding->ran_out) leave_truncated(info);
  }
}

static void ignore_source(j_decompress_ptr info) { (void)info; }

/// Gives an end marker where the file has none. libjpeg reads a few bytes ahead, so that it comes
/// here also behind the last row; that a row lacks bits is a warning.
static boolean end_file(j_decompress_ptr info) {
  struct decoding *decoding = info->client_data;
  decoding->ran_out = 1;
  if (info->input_scan_number == 0 || decoding->doubtful) leave_truncated((j_common_ptr)info);
  info->src->next_input_byte = end_marker;
  info->src->bytes_in_buffer = sizeof end_marker;
  return TRUE;
}

static void skip_bytes(j_decompress_ptr info, long count) {
  struct jpeg_source_mgr *source = info->src;
  if (count <= 0) return;
  size_t skipped = (size_t)count;
  if (skipped > source->bytes_in_buffer) skipped = source->bytes_in_buffer;
  source->next_input_byte += skipped;
  source->bytes_in_buffer -= skipped;
}

/// Whether the scans so far hold every bit of every coefficient, for a file of several scans.
static int has_all_scans(const struct decoding *decoding) {
  const struct jpeg_decompress_struct *info = &decoding->info;
  if (!info->progressive_mode) return decoding->seen == (1u << info->num_components) - 1;
  for (int component = 0; component < info->num_components; component++)
    for (int coefficient = 0; coefficient < DCTSIZE2; coefficient++)
      if (info->coef_bits[component][coefficient] != 0) return 0;
  return 1;
}

/// Whether a marker follows that may stand between scans or at the end.
static int goes_on(j_decompress_ptr info) {
  const uint8_t *next = info->src->next_input_byte;
  int marker = info->unread_marker;
  if (!marker && info->src->bytes_in_buffer >= 2 && next[0] == 0xFF) marker = next[1];
  switch (marker) {
    case 0xC4: // Tables: Huffman, arithmetic, quantisation; then the restart interval.
    case 0xCC:
    case 0xDB:
    case 0xDD:
    case 0xDA: // A scan.
    case 0xFF: // Padding before a marker.
    case JPEG_COM:
    case JPEG_EOI:
      return 1;
    default:
      return marker >= JPEG_APP0 && marker <= JPEG_APP0 + 15;
  }
}

/// Called before each row of blocks. Limits the scans, and ends the file behind a scan after which
/// nothing is missing and something foreign begins, in which libjpeg would look for markers.
static void watch_scans(j_common_ptr common) {
  j_decompress_ptr info = (j_decompress_ptr)common;
  struct decoding *decoding = info->client_data;
  if (info->input_scan_number > AVP_JPEG_SCAN_LIMIT)
    leave_because(common, "it has more scans than any image needs");
  if (!jpeg_has_multiple_scans(info) || info->input_iMCU_row < info->total_iMCU_rows) return;
  for (int index = 0; index < info->comps_in_scan; index++)
    decoding->seen |= 1u << info->cur_comp_info[index]->component_index;
  if (decoding->doubtful || !has_all_scans(decoding) || goes_on(info)) return;
  info->unread_marker = 0;
  info->src->next_input_byte = end_marker;
  info->src->bytes_in_buffer = sizeof end_marker;
}

/// Fills in the managers; allocates nothing.
static void prepare(struct decoding *decoding, const uint8_t *bytes, size_t count, char *message) {
  decoding->message = message;
  decoding->info.err = jpeg_std_error(&decoding->errors);
  decoding->info.client_data = decoding;
  decoding->errors.error_exit = leave_with_message;
  decoding->errors.emit_message = note_warning;
  decoding->source.next_input_byte = bytes;
  decoding->source.bytes_in_buffer = count;
  decoding->source.init_source = ignore_source;
  decoding->source.fill_input_buffer = end_file;
  decoding->source.skip_input_data = skip_bytes;
  decoding->source.resync_to_restart = jpeg_resync_to_restart;
  decoding->source.term_source = ignore_source;
  decoding->progress.progress_monitor = watch_scans;
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

/// The bytes of the coefficients that wait for the last scan.
static uint64_t coefficient_bytes(j_decompress_ptr info) {
  uint64_t blocks = 0;
  if (!jpeg_has_multiple_scans(info)) return 0;
  for (int index = 0; index < info->num_components; index++)
    blocks += (uint64_t)info->comp_info[index].width_in_blocks *
              info->comp_info[index].height_in_blocks;
  return blocks * sizeof(JBLOCK);
}

/// Reads the header, the only frame besides `decode` that longjmp returns to.
static int header(struct decoding *decoding, struct avp_image_header *header) {
  if (setjmp(decoding->failed)) return decoding->status;
  read_header(decoding);
  header->width = decoding->info.image_width;
  header->height = decoding->info.image_height;
  header->working_bytes = coefficient_bytes(&decoding->info);
  return AVP_CODEC_DONE;
}

static int decode(struct decoding *decoding, uint32_t width, uint32_t height, uint8_t *pixels) {
  if (setjmp(decoding->failed)) return decoding->status;
  j_decompress_ptr info = &decoding->info;
  read_header(decoding);
  // An arithmetic decoder does not notice where the bits end.
  decoding->doubtful = info->arith_code;
  info->dct_method = JDCT_ISLOW;
  info->do_fancy_upsampling = TRUE;
  jpeg_start_decompress(info);
  if (decoding->ran_out && jpeg_has_multiple_scans(info) && !has_all_scans(decoding))
    leave_truncated((j_common_ptr)info);
  int components = info->num_components == 4 ? 4 : 3;
  if (info->output_width != width || info->output_height != height ||
      info->out_color_components != components)
    leave_because((j_common_ptr)info, "its two readings differ in size");
  read_rows(decoding, pixels);
  // Looks for the end marker. Where every row is there, what follows is nobody's business.
  if (decoding->doubtful) jpeg_finish_decompress(info);
  return AVP_CODEC_DONE;
}

int avp_jpeg_header(const uint8_t *bytes, size_t count, struct avp_image_header *result,
                    char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct decoding decoding = {0};
  prepare(&decoding, bytes, count, message);
  int status = header(&decoding, result);
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

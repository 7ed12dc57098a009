#include "CCodecShim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

/// The reading of one file, up to its first frame.
struct reading {
  GifFileType *gif;
  const uint8_t *next;
  size_t left;
  /// All bytes of the file are used up.
  int ran_out;
  /// The index that is transparent, and stands for what the frame leaves open.
  uint8_t transparent;
  char *message;
};

static int refuse(struct reading *reading, const char *reason) {
  if (reading->ran_out) reason = "it ends before the image does, the file is truncated";
  snprintf(reading->message, AVP_CODEC_MESSAGE_SIZE, "%s", reason);
  return AVP_CODEC_REFUSED;
}

/// Refuses it for the reason that giflib gave last.
static int refuse_error(struct reading *reading, int error) {
  const char *reason = GifErrorString(error);
  refuse(reading, reason ? reason : "its blocks are damaged");
  return error == D_GIF_ERR_NOT_ENOUGH_MEM ? AVP_CODEC_NO_MEMORY : AVP_CODEC_REFUSED;
}

/// Behind the end come zeros, one at a time: blocks of no bytes. They end what only has to be passed
/// over behind the last row, and are an error where pixels should be.
static int copy_bytes(GifFileType *gif, GifByteType *target, int count) {
  struct reading *reading = gif->UserData;
  if (count == 1 && reading->left == 0) {
    reading->ran_out = 1;
    *target = 0;
    return 1;
  }
  if ((size_t)count > reading->left) {
    reading->ran_out = 1;
    return 0;
  }
  memcpy(target, reading->next, count);
  reading->next += count;
  reading->left -= count;
  return count;
}

static int read_extension(struct reading *reading) {
  int code;
  GifByteType *block;
  if (DGifGetExtension(reading->gif, &code, &block) == GIF_ERROR) return 0;
  // A block begins with its length: flags, a delay of two bytes, the transparent index.
  if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && block[1] & 1)
    reading->transparent = block[4];
  while (block)
    if (DGifGetExtensionNext(reading->gif, &block) == GIF_ERROR) return 0;
  return 1;
}

/// Reads everything before the pixels of the first frame.
static int open_frame(struct reading *reading, const uint8_t *bytes, size_t count, char *message) {
  *reading = (struct reading){.next = bytes, .left = count, .message = message};
  int error = 0;
  reading->gif = DGifOpen(reading, copy_bytes, &error);
  if (!reading->gif) return refuse_error(reading, error);
  GifRecordType type;
  do {
    if (DGifGetRecordType(reading->gif, &type) == GIF_ERROR)
      return refuse_error(reading, reading->gif->Error);
    if (type == TERMINATE_RECORD_TYPE) return refuse(reading, "it holds no image");
    if (type == EXTENSION_RECORD_TYPE && !read_extension(reading))
      return refuse_error(reading, reading->gif->Error);
  } while (type != IMAGE_DESC_RECORD_TYPE);
  if (DGifGetImageDesc(reading->gif) == GIF_ERROR)
    return refuse_error(reading, reading->gif->Error);
  if (reading->gif->Image.Width <= 0 || reading->gif->Image.Height <= 0)
    return refuse(reading, "its first frame has no pixels");
  return AVP_CODEC_DONE;
}

static void release(struct reading *reading) {
  if (reading->gif) DGifCloseFile(reading->gif, NULL);
}

static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

static struct avp_image_header size_of_image(const struct reading *reading) {
  const GifFileType *gif = reading->gif;
  return (struct avp_image_header){
      .width = larger(gif->SWidth, gif->Image.Left + gif->Image.Width),
      .height = larger(gif->SHeight, gif->Image.Top + gif->Image.Height)};
}

/// The colours of the frame: grey where the file has none, and black behind its last one.
static void make_palette(const GifFileType *gif, uint8_t palette[256][3]) {
  const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
  for (int index = 0; index < 256; index++) memset(palette[index], map ? 0 : index, 3);
  for (int index = 0; map && index < map->ColorCount && index < 256; index++) {
    const GifColorType *colour = &map->Colors[index];
    memcpy(palette[index], (uint8_t[]){colour->Red, colour->Green, colour->Blue}, 3);
  }
}

static int read_row(struct reading *reading, uint8_t palette[256][3], uint8_t *indices,
                    uint8_t *row) {
  int width = reading->gif->Image.Width;
  if (DGifGetLine(reading->gif, indices, width) == GIF_ERROR) return 0;
  for (int x = 0; x < width; x++) memcpy(row + 3 * (size_t)x, palette[indices[x]], 3);
  return 1;
}

/// Reads the frame's rows in the order of the file.
static int read_rows(struct reading *reading, uint8_t palette[256][3], uint8_t *indices,
                     uint8_t *first, size_t stride) {
  static const int starts[] = {0, 4, 2, 1}, steps[] = {8, 8, 4, 2};
  const GifImageDesc *frame = &reading->gif->Image;
  for (int pass = 0; pass < (frame->Interlace ? 4 : 1); pass++) {
    int step = frame->Interlace ? steps[pass] : 1;
    for (int y = starts[pass]; y < frame->Height; y += step)
      if (!read_row(reading, palette, indices, first + y * stride))
        return refuse_error(reading, reading->gif->Error);
  }
  return AVP_CODEC_DONE;
}

static int decode(struct reading *reading, uint32_t width, uint32_t height, uint8_t *pixels) {
  struct avp_image_header size = size_of_image(reading);
  if (size.width != width || size.height != height)
    return refuse(reading, "its two readings differ in size");
  const GifImageDesc *frame = &reading->gif->Image;
  uint8_t palette[256][3];
  make_palette(reading->gif, palette);
  size_t count = (size_t)width * height, stride = (size_t)width * 3;
  if ((uint32_t)frame->Width < width || (uint32_t)frame->Height < height)
    for (size_t pixel = 0; pixel < count; pixel++)
      memcpy(pixels + 3 * pixel, palette[reading->transparent], 3);
  uint8_t *indices = malloc(frame->Width);
  if (!indices) return refuse_error(reading, D_GIF_ERR_NOT_ENOUGH_MEM);
  uint8_t *first = pixels + frame->Top * stride + (size_t)frame->Left * 3;
  int status = read_rows(reading, palette, indices, first, stride);
  free(indices);
  return status;
}

int avp_gif_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                   char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct reading reading;
  int status = open_frame(&reading, bytes, count, message);
  if (!status) *header = size_of_image(&reading);
  release(&reading);
  return status;
}

int avp_gif_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                   uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct reading reading;
  int status = open_frame(&reading, bytes, count, message);
  if (!status) status = decode(&reading, width, height, pixels);
  release(&reading);
  return status;
}

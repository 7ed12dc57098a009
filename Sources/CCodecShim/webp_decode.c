#include "CCodecShim.h"

#include <stdio.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

/// The first frame of a file, still compressed.
struct frame {
  WebPDemuxer *demuxer;
  WebPIterator iterator;
  WebPBitstreamFeatures features;
  uint32_t width, height;
};

static int refuse(char *message, const char *reason) {
  snprintf(message, AVP_CODEC_MESSAGE_SIZE, "%s", reason);
  return AVP_CODEC_REFUSED;
}

static int refuse_status(char *message, VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      refuse(message, "there is no memory to read it");
      return AVP_CODEC_NO_MEMORY;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return refuse(message, "it ends before the image does, the file is truncated");
    default: return refuse(message, "its compressed pixels are damaged");
  }
}

static void close_frame(struct frame *frame) {
  WebPDemuxReleaseIterator(&frame->iterator);
  WebPDemuxDelete(frame->demuxer);
}

static int open_frame(struct frame *frame, const uint8_t *bytes, size_t count, char *message) {
  *frame = (struct frame){0};
  WebPData data = {bytes, count};
  frame->demuxer = WebPDemux(&data);
  if (!frame->demuxer) return refuse(message, "its parts do not fit together, or it is truncated");
  frame->width = WebPDemuxGetI(frame->demuxer, WEBP_FF_CANVAS_WIDTH);
  frame->height = WebPDemuxGetI(frame->demuxer, WEBP_FF_CANVAS_HEIGHT);
  WebPIterator *iterator = &frame->iterator;
  if (!WebPDemuxGetFrame(frame->demuxer, 1, iterator)) return refuse(message, "it holds no image");
  VP8StatusCode status =
      WebPGetFeatures(iterator->fragment.bytes, iterator->fragment.size, &frame->features);
  if (status != VP8_STATUS_OK) return refuse_status(message, status);
  if (iterator->x_offset < 0 || iterator->y_offset < 0 ||
      (uint64_t)iterator->x_offset + frame->features.width > frame->width ||
      (uint64_t)iterator->y_offset + frame->features.height > frame->height)
    return refuse(message, "its first frame reaches beyond the image");
  return AVP_CODEC_DONE;
}

int avp_webp_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                    char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct frame frame;
  int status = open_frame(&frame, bytes, count, message);
  // The lossless decoder keeps four bytes for each pixel, the other one its alpha.
  const int is_lossless = 2;
  uint64_t bytes_a_pixel = frame.features.format == is_lossless ? 4 : frame.features.has_alpha;
  uint64_t pixels = (uint64_t)frame.features.width * frame.features.height;
  *header = (struct avp_image_header){
      .width = frame.width, .height = frame.height, .working_bytes = pixels * bytes_a_pixel};
  close_frame(&frame);
  return status;
}

/// Decodes the frame to its position. Alpha is dropped, not blended.
static int decode(const struct frame *frame, uint32_t width, uint32_t height, uint8_t *pixels,
                  char *message) {
  if (frame->width != width || frame->height != height)
    return refuse(message, "its two readings differ in size");
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return refuse(message, "libwebp has another version");
  size_t stride = (size_t)width * 3, size = stride * height;
  size_t start = frame->iterator.y_offset * stride + (size_t)frame->iterator.x_offset * 3;
  if ((uint32_t)frame->features.width < width || (uint32_t)frame->features.height < height)
    memset(pixels, 0, size);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels + start;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = size - start;
  VP8StatusCode status = WebPDecode(frame->iterator.fragment.bytes, frame->iterator.fragment.size,
                                    &config);
  return status == VP8_STATUS_OK ? AVP_CODEC_DONE : refuse_status(message, status);
}

int avp_webp_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                    uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]) {
  struct frame frame;
  int status = open_frame(&frame, bytes, count, message);
  if (!status) status = decode(&frame, width, height, pixels, message);
  close_frame(&frame);
  return status;
}

#ifndef AVP_CODEC_SHIM_H
#define AVP_CODEC_SHIM_H

#include <stddef.h>
#include <stdint.h>

/// Room that the functions below need for a message, with its final zero.
#define AVP_CODEC_MESSAGE_SIZE 200

/// Most scans of a JPEG file: encoders write about ten, a file with thousands only costs time.
#define AVP_JPEG_SCAN_LIMIT 100

/// Reads the header of the JPEG file in `bytes`, and gives the picture's size in pixels.
///
/// Returns 0; otherwise returns 1 and writes the reason to `message`.
int avp_jpeg_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height,
                  char message[AVP_CODEC_MESSAGE_SIZE]);

/// Decodes the JPEG file in `bytes` to `width * height * 3` bytes of R, G, B, the size being what
/// `avp_jpeg_size` gave for the same bytes.
///
/// Returns 0; otherwise returns 1, writes the reason to `message`, and `pixels` holds anything.
int avp_jpeg_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                    uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_size` for a PNG file.
int avp_png_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height,
                 char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_decode` for a PNG file.
int avp_png_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                   uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]);

/// Compresses `height` rows of `width` interleaved R, G, B bytes as a baseline JPEG of `quality`
/// (1 to 100), chroma halved in both directions.
///
/// The integer DCT is used, so the bytes do not depend on the processor.
/// Returns 0 and gives `*bytes` and `*count`, to be released with `avp_jpeg_release`; otherwise
/// returns 1, writes libjpeg's reason to `message`, and leaves `*bytes` NULL.
int avp_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int quality,
                    uint8_t **bytes, size_t *count, char message[AVP_CODEC_MESSAGE_SIZE]);

/// Frees what `avp_jpeg_encode` gave.
void avp_jpeg_release(uint8_t *bytes);

#endif

#ifndef AVP_JPEG_ENCODE_H
#define AVP_JPEG_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/// Room that `avp_jpeg_encode` needs for a message, with its final zero.
#define AVP_JPEG_MESSAGE_SIZE 200

/// Compresses `height` rows of `width` interleaved R, G, B bytes as a baseline JPEG of `quality`
/// (1 to 100), chroma halved in both directions.
///
/// The integer DCT is used, so the bytes do not depend on the processor.
/// Returns 0 and gives `*bytes` and `*count`, to be released with `avp_jpeg_release`; otherwise
/// returns 1, writes libjpeg's reason to `message`, and leaves `*bytes` NULL.
int avp_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int quality,
                    uint8_t **bytes, size_t *count, char message[AVP_JPEG_MESSAGE_SIZE]);

/// Frees what `avp_jpeg_encode` gave.
void avp_jpeg_release(uint8_t *bytes);

#endif

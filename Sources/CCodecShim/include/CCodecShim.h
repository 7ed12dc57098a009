#ifndef AVP_CODEC_SHIM_H
#define AVP_CODEC_SHIM_H

#include <stddef.h>
#include <stdint.h>

/// Room that the functions below need for a message, with its final zero.
#define AVP_CODEC_MESSAGE_SIZE 200

/// Most scans of a JPEG file: encoders write about ten, a file with thousands only costs time.
#define AVP_JPEG_SCAN_LIMIT 100

/// What the functions below return.
enum {
  AVP_CODEC_DONE = 0,
  /// The file cannot be used.
  AVP_CODEC_REFUSED = 1,
  /// The system has no memory for it, which says nothing about the file.
  AVP_CODEC_NO_MEMORY = 2,
};

/// What a file says of its image before the pixels.
struct avp_image_header {
  /// The size in pixels.
  uint32_t width, height;
  /// Bytes that the decoder holds besides the pixels it gives, nearly: the coefficients of a JPEG of
  /// several scans, which have to wait for the last one. What does not grow with the height is left
  /// out.
  uint64_t working_bytes;
  /// How the stored image has to be turned: 1 to 8 as in TIFF's tag Orientation, 0 where the format
  /// leaves it to notes that a reader may pass over.
  uint32_t orientation;
  /// Whether it holds grey of 16 bits, of which values above 255 become white.
  uint32_t deep_grey;
};

/// Reads the header of the JPEG file in `bytes`.
///
/// Returns AVP_CODEC_DONE; else another of its kind, with the reason in `message`.
int avp_jpeg_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                    char message[AVP_CODEC_MESSAGE_SIZE]);

/// Decodes the JPEG file in `bytes` to `width * height * 3` bytes of R, G, B, the size being what
/// `avp_jpeg_header` gave for the same bytes.
///
/// A file that ends, or goes on with something else, behind the last row is whole without its end
/// marker.
/// Returns AVP_CODEC_DONE; else another of its kind, with the reason in `message`, and `pixels`
/// holds anything.
int avp_jpeg_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                    uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_header` for a PNG file.
int avp_png_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                   char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_decode` for a PNG file.
///
/// What stands behind the last row in the compressed data does not matter, nor does it matter where
/// their checksum is missing, as long as the chunks' are right.
int avp_png_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                   uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_header` for a WebP file; the size is that of the whole canvas.
int avp_webp_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                    char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_decode` for a WebP file; of an animation the first frame, on black.
int avp_webp_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                    uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_header` for a GIF file; the size is that of the screen, or larger where the
/// first frame reaches beyond it.
int avp_gif_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                   char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_decode` for a GIF file: the first frame. What it leaves open has the colour
/// of its transparent entry, or of entry 0.
///
/// What stands behind the frame's last row does not matter.
int avp_gif_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                   uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_header` for the first page of a TIFF file; the size is that before the
/// image is turned by its orientation.
int avp_tiff_header(const uint8_t *bytes, size_t count, struct avp_image_header *header,
                    char message[AVP_CODEC_MESSAGE_SIZE]);

/// The same as `avp_jpeg_decode` for the first page of a TIFF file, as it is stored.
int avp_tiff_decode(const uint8_t *bytes, size_t count, uint32_t width, uint32_t height,
                    uint8_t *pixels, char message[AVP_CODEC_MESSAGE_SIZE]);

/// Compresses `height` rows of `width` interleaved R, G, B bytes as a baseline JPEG of `quality`
/// (1 to 100), chroma halved in both directions.
///
/// The integer DCT is used, so the bytes do not depend on the processor.
/// Returns AVP_CODEC_DONE and gives `*bytes` and `*count`, to be released with `avp_jpeg_release`;
/// else another of its kind, with libjpeg's reason in `message`, and leaves `*bytes` NULL.
int avp_jpeg_encode(const uint8_t *pixels, uint32_t width, uint32_t height, int quality,
                    uint8_t **bytes, size_t *count, char message[AVP_CODEC_MESSAGE_SIZE]);

/// Frees what `avp_jpeg_encode` gave.
void avp_jpeg_release(uint8_t *bytes);

/// The versions of the libraries that are loaded, as they say them. Neither libjpeg nor giflib has a
/// function that does.
const char *avp_png_version(void);
/// The three numbers of the version as 0xMMmmpp.
int avp_webp_version(void);
/// Several lines, of which the first ends with the version.
const char *avp_tiff_version(void);

#endif

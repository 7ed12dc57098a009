#include "CCodecShim.h"

#include <stddef.h>

#include <png.h>
#include <tiffio.h>
#include <webp/decode.h>

const char *avp_png_version(void) { return png_get_libpng_ver(NULL); }

int avp_webp_version(void) { return WebPGetDecoderVersion(); }

const char *avp_tiff_version(void) { return TIFFGetVersion(); }

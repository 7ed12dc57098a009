#include "jpeg_encode.h"
#include "picture_decode.h"

#include "jpeg_encode.h"
